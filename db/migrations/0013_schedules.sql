CREATE TABLE "schedule" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "schedule_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"name" text NOT NULL,
	"action" text NOT NULL,
	"device_id" text,
	"cron" text NOT NULL,
	"time_zone" text NOT NULL,
	"options" jsonb NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"last_run_at" timestamp with time zone,
	"last_evacuation_id" text,
	"last_cause" jsonb,
	"created_by" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "schedule_seq_unique" UNIQUE("seq"),
	CONSTRAINT "schedule_action" CHECK ("schedule"."action" in ('evacuate', 'rebalance')),
	CONSTRAINT "schedule_device" CHECK (("schedule"."device_id" is not null) = ("schedule"."action" = 'evacuate')),
	CONSTRAINT "schedule_state" CHECK ("schedule"."state" in ('pending', 'active', 'deleted'))
);
--> statement-breakpoint
ALTER TABLE "schedule" ADD CONSTRAINT "schedule_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "schedule" ADD CONSTRAINT "schedule_last_evacuation_id_evacuation_id_fk" FOREIGN KEY ("last_evacuation_id") REFERENCES "public"."evacuation"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "schedule" ADD CONSTRAINT "schedule_created_by_account_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."account"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "schedule_name" ON "schedule" USING btree ("name") WHERE "schedule"."state" <> 'deleted';