CREATE TABLE "sign_in_failure" (
	"email_hash" text PRIMARY KEY NOT NULL,
	"failures" integer NOT NULL,
	"locked_until" timestamp with time zone,
	"last_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "metric" (
	"subject" text NOT NULL,
	"resolution_seconds" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"samples" integer DEFAULT 1 NOT NULL,
	"cpus" double precision NOT NULL,
	"memory_bytes" double precision NOT NULL,
	"disk_bytes" double precision NOT NULL,
	"received_bytes_per_second" double precision NOT NULL,
	"sent_bytes_per_second" double precision NOT NULL,
	CONSTRAINT "metric_subject_resolution_seconds_at_pk" PRIMARY KEY("subject","resolution_seconds","at"),
	CONSTRAINT "metric_resolution" CHECK ("metric"."resolution_seconds" in (10, 60, 600)),
	CONSTRAINT "metric_samples" CHECK ("metric"."samples" >= 1)
);
--> statement-breakpoint
CREATE TABLE "audit_entry" (
	"seq" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_entry_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"account_id" text,
	"email" text,
	"tenant_id" text,
	"action" text NOT NULL,
	"subject" text,
	"address" text NOT NULL,
	"status" integer NOT NULL,
	"causes" text[] DEFAULT '{}' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "invitation" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "invitation_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant_id" text NOT NULL,
	"email" text NOT NULL,
	"role" text NOT NULL,
	"secret_hash" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"accepted_at" timestamp with time zone,
	CONSTRAINT "invitation_seq_unique" UNIQUE("seq"),
	CONSTRAINT "invitation_secret_hash_unique" UNIQUE("secret_hash"),
	CONSTRAINT "invitation_role" CHECK ("invitation"."role" in ('viewer', 'member', 'owner'))
);
--> statement-breakpoint
CREATE TABLE "membership" (
	"tenant_id" text NOT NULL,
	"account_id" text NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "membership_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"role" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "membership_tenant_id_account_id_pk" PRIMARY KEY("tenant_id","account_id"),
	CONSTRAINT "membership_seq_unique" UNIQUE("seq"),
	CONSTRAINT "membership_role" CHECK ("membership"."role" in ('viewer', 'member', 'owner'))
);
--> statement-breakpoint
CREATE TABLE "tenant" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "tenant_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"name" text NOT NULL,
	"computes" integer,
	"memory_bytes" bigint,
	"cpus" double precision,
	"image_bytes" bigint,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp with time zone,
	CONSTRAINT "tenant_seq_unique" UNIQUE("seq"),
	CONSTRAINT "tenant_quota" CHECK (least("tenant"."computes", "tenant"."memory_bytes", "tenant"."cpus", "tenant"."image_bytes") >= 0)
);
--> statement-breakpoint
ALTER TABLE "image" DROP CONSTRAINT "image_name_unique";--> statement-breakpoint
DROP INDEX "compute_name";--> statement-breakpoint
ALTER TABLE "account" ALTER COLUMN "role" SET DEFAULT 'user';--> statement-breakpoint
ALTER TABLE "compute" ADD COLUMN "tenant_id" text;--> statement-breakpoint
ALTER TABLE "image" ADD COLUMN "tenant_id" text;--> statement-breakpoint
-- What was there before tenants belongs to one, and every account was the administrator.
UPDATE "account" SET "role" = 'operator', "email" = lower("email");--> statement-breakpoint
INSERT INTO "tenant" ("id", "name") SELECT 'tnt_000000000000', 'default' WHERE EXISTS (SELECT 1 FROM "account");--> statement-breakpoint
INSERT INTO "membership" ("tenant_id", "account_id", "role") SELECT 'tnt_000000000000', "id", 'owner' FROM "account" ORDER BY "seq";--> statement-breakpoint
UPDATE "compute" SET "tenant_id" = 'tnt_000000000000', "spec" = '{"capabilities":[],"labels":{}}'::jsonb || "spec";--> statement-breakpoint
UPDATE "image" SET "tenant_id" = 'tnt_000000000000';--> statement-breakpoint
ALTER TABLE "compute" ALTER COLUMN "tenant_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "image" ALTER COLUMN "tenant_id" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "invitation" ADD CONSTRAINT "invitation_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "invitation" ADD CONSTRAINT "invitation_created_by_account_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."account"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "membership" ADD CONSTRAINT "membership_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "membership" ADD CONSTRAINT "membership_account_id_account_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."account"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "metric_age" ON "metric" USING btree ("resolution_seconds","at");--> statement-breakpoint
CREATE INDEX "audit_tenant" ON "audit_entry" USING btree ("tenant_id","seq");--> statement-breakpoint
CREATE INDEX "audit_at" ON "audit_entry" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "invitation_tenant" ON "invitation" USING btree ("tenant_id","seq");--> statement-breakpoint
CREATE INDEX "membership_account" ON "membership" USING btree ("account_id");--> statement-breakpoint
CREATE UNIQUE INDEX "tenant_name" ON "tenant" USING btree ("name") WHERE "tenant"."deleted_at" is null;--> statement-breakpoint
ALTER TABLE "compute" ADD CONSTRAINT "compute_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "image" ADD CONSTRAINT "image_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "image_name" ON "image" USING btree ("tenant_id","name");--> statement-breakpoint
CREATE UNIQUE INDEX "compute_name" ON "compute" USING btree ("tenant_id","name") WHERE "compute"."deleted_at" is null;--> statement-breakpoint
ALTER TABLE "account" ADD CONSTRAINT "account_role" CHECK ("account"."role" in ('operator', 'user'));--> statement-breakpoint
ALTER TABLE "account" ADD CONSTRAINT "account_email" CHECK ("account"."email" = lower("account"."email"));