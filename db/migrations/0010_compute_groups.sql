ALTER TABLE "compute_group" ADD COLUMN "tenant_id" text;--> statement-breakpoint
ALTER TABLE "compute_group" ADD COLUMN "name" text;--> statement-breakpoint
ALTER TABLE "compute_group" ADD COLUMN "epoch" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "compute_group" ADD COLUMN "deleted_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "compute_group" ADD CONSTRAINT "compute_group_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "compute_group_name" ON "compute_group" USING btree ("tenant_id","name") WHERE "compute_group"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "compute_group_tenant" ON "compute_group" USING btree ("tenant_id","seq") WHERE "compute_group"."deleted_at" is null;--> statement-breakpoint
ALTER TABLE "compute_group" ADD CONSTRAINT "compute_group_named" CHECK (("compute_group"."tenant_id" is null) = ("compute_group"."name" is null));