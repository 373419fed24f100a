ALTER TABLE "device" DROP CONSTRAINT "device_state";--> statement-breakpoint
DROP INDEX "device_name";--> statement-breakpoint
CREATE UNIQUE INDEX "device_discovered_key" ON "device" USING btree ("public_key_hash") WHERE "device"."state" = 'discovered';--> statement-breakpoint
CREATE INDEX "device_public_key" ON "device" USING btree ("public_key_hash");--> statement-breakpoint
CREATE UNIQUE INDEX "device_name" ON "device" USING btree ("name") WHERE "device"."state" not in ('discovered', 'retired');--> statement-breakpoint
ALTER TABLE "device" ADD CONSTRAINT "device_state" CHECK ("device"."state" in ('discovered', 'pending', 'ready', 'cordoned', 'draining', 'drained', 'retired'));