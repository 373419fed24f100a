CREATE TABLE "device_lease" (
	"device_id" text PRIMARY KEY NOT NULL,
	"generation" integer DEFAULT 1 NOT NULL,
	"grants" bigint DEFAULT 0 NOT NULL,
	"dead_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "device_lease" ADD CONSTRAINT "device_lease_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;