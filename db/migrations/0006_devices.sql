DROP INDEX "device_discovered_key";--> statement-breakpoint
DROP INDEX "token_account";--> statement-breakpoint
DROP INDEX "migration_compute";--> statement-breakpoint
ALTER TABLE "device" ADD COLUMN "certified_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "device" ADD COLUMN "clock_offset_ms" bigint;--> statement-breakpoint
ALTER TABLE "device" ADD COLUMN "location" text;--> statement-breakpoint
ALTER TABLE "device" ADD COLUMN "labels" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "device" ADD COLUMN "class_id" text;--> statement-breakpoint
CREATE INDEX "compute_tenant" ON "compute" USING btree ("tenant_id","seq") WHERE "compute"."deleted_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "device_key" ON "device" USING btree ("public_key_hash") WHERE "device"."state" <> 'retired';--> statement-breakpoint
CREATE INDEX "device_class" ON "device" USING btree ("class_id");--> statement-breakpoint
CREATE INDEX "image_tenant" ON "image" USING btree ("tenant_id","seq");--> statement-breakpoint
CREATE INDEX "membership_tenant" ON "membership" USING btree ("tenant_id","seq");--> statement-breakpoint
CREATE INDEX "token_account" ON "token" USING btree ("account_id","kind","seq");--> statement-breakpoint
CREATE INDEX "migration_compute" ON "migration" USING btree ("compute_id","seq");