CREATE TABLE "snapshot" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "snapshot_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant_id" text NOT NULL,
	"name" text NOT NULL,
	"note" text DEFAULT '' NOT NULL,
	"compute_id" text NOT NULL,
	"compute_name" text NOT NULL,
	"image_id" text,
	"spec" jsonb NOT NULL,
	"class" jsonb NOT NULL,
	"device_id" text,
	"state" text NOT NULL,
	"reason" text DEFAULT '' NOT NULL,
	"causes" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"bytes" bigint DEFAULT 0 NOT NULL,
	"content" jsonb,
	"taken_at" timestamp with time zone,
	"imported" boolean DEFAULT false NOT NULL,
	"actor" text NOT NULL,
	"workflow_id" text DEFAULT '' NOT NULL,
	"run_id" text DEFAULT '' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone,
	CONSTRAINT "snapshot_seq_unique" UNIQUE("seq"),
	CONSTRAINT "snapshot_state" CHECK ("snapshot"."state" in ('creating', 'ready', 'failed')),
	CONSTRAINT "snapshot_ended" CHECK (("snapshot"."ended_at" is null) = ("snapshot"."state" = 'creating')),
	CONSTRAINT "snapshot_content" CHECK (("snapshot"."content" is not null and "snapshot"."taken_at" is not null) = ("snapshot"."state" = 'ready')),
	CONSTRAINT "snapshot_bytes" CHECK ("snapshot"."bytes" >= 0)
);
--> statement-breakpoint
ALTER TABLE "compute" ADD COLUMN "restore_of" text;--> statement-breakpoint
ALTER TABLE "snapshot" ADD CONSTRAINT "snapshot_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "snapshot" ADD CONSTRAINT "snapshot_image_id_image_id_fk" FOREIGN KEY ("image_id") REFERENCES "public"."image"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "snapshot" ADD CONSTRAINT "snapshot_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "snapshot_name" ON "snapshot" USING btree ("tenant_id","name") WHERE "snapshot"."state" <> 'failed';--> statement-breakpoint
CREATE INDEX "snapshot_tenant" ON "snapshot" USING btree ("tenant_id","seq");--> statement-breakpoint
CREATE INDEX "snapshot_compute" ON "snapshot" USING btree ("compute_id");--> statement-breakpoint
CREATE INDEX "snapshot_image" ON "snapshot" USING btree ("image_id");--> statement-breakpoint
CREATE INDEX "snapshot_open" ON "snapshot" USING btree ("state") WHERE "snapshot"."state" = 'creating';--> statement-breakpoint
ALTER TABLE "compute" ADD CONSTRAINT "compute_restore_of_snapshot_id_fk" FOREIGN KEY ("restore_of") REFERENCES "public"."snapshot"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "compute_restore" ON "compute" USING btree ("restore_of");