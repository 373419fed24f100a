CREATE TABLE "volume" (
	"id" text PRIMARY KEY DEFAULT 'vol_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 12) NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "volume_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"compute_id" text NOT NULL,
	"name" text NOT NULL,
	"path" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "volume_seq_unique" UNIQUE("seq"),
	CONSTRAINT "volume_path" CHECK ("volume"."path" like '/%')
);
--> statement-breakpoint
ALTER TABLE "volume" ADD CONSTRAINT "volume_compute_id_compute_id_fk" FOREIGN KEY ("compute_id") REFERENCES "public"."compute"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "volume_name" ON "volume" USING btree ("compute_id","name");--> statement-breakpoint
INSERT INTO "volume" ("compute_id", "name", "path")
SELECT "compute"."id", "one"->>'name', "one"->>'path'
FROM "compute", jsonb_array_elements("compute"."spec"->'volumes') AS "one"
WHERE "compute"."deleted_at" IS NULL;
