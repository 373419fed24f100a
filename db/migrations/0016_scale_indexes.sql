CREATE INDEX "compute_creating" ON "compute" USING btree ("id") WHERE "compute"."state" = 'creating';--> statement-breakpoint
CREATE INDEX "compute_apart" ON "compute" USING btree ("id") WHERE "compute"."spec" ? 'apart';--> statement-breakpoint
CREATE INDEX "compute_updating" ON "compute" USING btree ("id") WHERE "compute"."last_update" ->> 'state' = 'applying';--> statement-breakpoint
CREATE INDEX "migration_source" ON "migration" USING btree ("source_id","seq");