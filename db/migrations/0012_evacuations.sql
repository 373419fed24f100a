CREATE TABLE "evacuation" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "evacuation_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"kind" text NOT NULL,
	"device_id" text,
	"returns_id" text,
	"state" text NOT NULL,
	"reason" text NOT NULL,
	"caps" jsonb NOT NULL,
	"options" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"policy" text NOT NULL,
	"deadline_at" timestamp with time zone,
	"return_home" text DEFAULT 'no' NOT NULL,
	"abort_moves" boolean DEFAULT false NOT NULL,
	"planned_end_at" timestamp with time zone,
	"predicted_end_at" timestamp with time zone,
	"actor" text,
	"run_id" text DEFAULT '' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone,
	CONSTRAINT "evacuation_seq_unique" UNIQUE("seq"),
	CONSTRAINT "evacuation_kind" CHECK ("evacuation"."kind" in ('evacuate', 'return', 'rebalance')),
	CONSTRAINT "evacuation_kind_device" CHECK (("evacuation"."device_id" is null) = ("evacuation"."kind" = 'rebalance')),
	CONSTRAINT "evacuation_kind_returns" CHECK (("evacuation"."returns_id" is not null) = ("evacuation"."kind" = 'return')),
	CONSTRAINT "evacuation_policy" CHECK ("evacuation"."policy" in ('leave', 'stop')),
	CONSTRAINT "evacuation_state" CHECK ("evacuation"."state" in ('running', 'paused', 'cancelling', 'succeeded', 'incomplete', 'cancelled', 'failed')),
	CONSTRAINT "evacuation_ended" CHECK (("evacuation"."ended_at" is null) = ("evacuation"."state" in ('running', 'paused', 'cancelling')))
);
--> statement-breakpoint
CREATE TABLE "evacuation_item" (
	"evacuation_id" text NOT NULL,
	"group_id" text NOT NULL,
	"name" text NOT NULL,
	"position" integer NOT NULL,
	"state" text NOT NULL,
	"reason" text DEFAULT '' NOT NULL,
	"causes" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"source_id" text NOT NULL,
	"target_id" text,
	"only_id" text,
	"avoid" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"predicted" jsonb,
	"starts_at" timestamp with time zone,
	"ends_at" timestamp with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"retry_at" timestamp with time zone,
	"migration_id" text,
	"started_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	CONSTRAINT "evacuation_item_evacuation_id_group_id_pk" PRIMARY KEY("evacuation_id","group_id"),
	CONSTRAINT "evacuation_item_state" CHECK ("evacuation_item"."state" in ('waiting', 'moving', 'moved', 'left', 'stopped', 'gone')),
	CONSTRAINT "evacuation_item_moving" CHECK ("evacuation_item"."state" <> 'moving' or "evacuation_item"."migration_id" is not null)
);
--> statement-breakpoint
ALTER TABLE "migration" ADD COLUMN "evacuation_id" text;--> statement-breakpoint
ALTER TABLE "evacuation" ADD CONSTRAINT "evacuation_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "evacuation" ADD CONSTRAINT "evacuation_returns_id_evacuation_id_fk" FOREIGN KEY ("returns_id") REFERENCES "public"."evacuation"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "evacuation_item" ADD CONSTRAINT "evacuation_item_evacuation_id_evacuation_id_fk" FOREIGN KEY ("evacuation_id") REFERENCES "public"."evacuation"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "evacuation_item" ADD CONSTRAINT "evacuation_item_group_id_compute_group_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."compute_group"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "evacuation_item" ADD CONSTRAINT "evacuation_item_source_id_device_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "evacuation_item" ADD CONSTRAINT "evacuation_item_target_id_device_id_fk" FOREIGN KEY ("target_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "evacuation_item" ADD CONSTRAINT "evacuation_item_only_id_device_id_fk" FOREIGN KEY ("only_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "evacuation_item" ADD CONSTRAINT "evacuation_item_migration_id_migration_id_fk" FOREIGN KEY ("migration_id") REFERENCES "public"."migration"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "evacuation_one_open" ON "evacuation" USING btree ("device_id") WHERE "evacuation"."ended_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "evacuation_one_rebalance" ON "evacuation" USING btree ("kind") WHERE "evacuation"."ended_at" is null and "evacuation"."kind" = 'rebalance';--> statement-breakpoint
CREATE INDEX "evacuation_device" ON "evacuation" USING btree ("device_id","seq");--> statement-breakpoint
CREATE INDEX "evacuation_item_target" ON "evacuation_item" USING btree ("target_id") WHERE "evacuation_item"."state" = 'waiting';--> statement-breakpoint
CREATE INDEX "evacuation_item_migration" ON "evacuation_item" USING btree ("migration_id");--> statement-breakpoint
ALTER TABLE "migration" ADD CONSTRAINT "migration_evacuation_id_evacuation_id_fk" FOREIGN KEY ("evacuation_id") REFERENCES "public"."evacuation"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "migration_group" ON "migration" USING btree ("group_id","seq");--> statement-breakpoint
CREATE INDEX "migration_evacuation" ON "migration" USING btree ("evacuation_id");