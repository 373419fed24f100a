CREATE TABLE "checkpoint" (
	"compute_id" text PRIMARY KEY NOT NULL,
	"peer_id" text NOT NULL,
	"sealed_key" text NOT NULL,
	"kept_by" text,
	"epoch" integer,
	"number" integer,
	"content" jsonb,
	"bytes" bigint,
	"frozen_ms" double precision,
	"taken_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "device_lease" (
	"device_id" text PRIMARY KEY NOT NULL,
	"generation" integer DEFAULT 1 NOT NULL,
	"grants" bigint DEFAULT 0 NOT NULL,
	"dead_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "compute" ADD COLUMN "recovers" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "checkpoint" ADD CONSTRAINT "checkpoint_compute_id_compute_id_fk" FOREIGN KEY ("compute_id") REFERENCES "public"."compute"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checkpoint" ADD CONSTRAINT "checkpoint_peer_id_device_id_fk" FOREIGN KEY ("peer_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "checkpoint" ADD CONSTRAINT "checkpoint_kept_by_device_id_fk" FOREIGN KEY ("kept_by") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_lease" ADD CONSTRAINT "device_lease_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "checkpoint_peer" ON "checkpoint" USING btree ("peer_id");--> statement-breakpoint
CREATE INDEX "checkpoint_kept_by" ON "checkpoint" USING btree ("kept_by");