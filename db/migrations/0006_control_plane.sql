CREATE TABLE "app" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "app_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant_id" text NOT NULL,
	"name" text NOT NULL,
	"runtime" text NOT NULL,
	"manifest" jsonb NOT NULL,
	"base" jsonb NOT NULL,
	"device_id" text NOT NULL,
	"bytes" bigint NOT NULL,
	"state" text NOT NULL,
	"reason" text DEFAULT '' NOT NULL,
	"causes" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"log" text[] DEFAULT '{}' NOT NULL,
	"image_id" text,
	"compute_id" text,
	"actor" text NOT NULL,
	"run_id" text DEFAULT '' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone,
	CONSTRAINT "app_seq_unique" UNIQUE("seq"),
	CONSTRAINT "app_runtime" CHECK ("app"."runtime" in ('node', 'python')),
	CONSTRAINT "app_state" CHECK ("app"."state" in ('queued', 'fetching', 'building', 'storing', 'starting', 'running', 'failed')),
	CONSTRAINT "app_ended" CHECK (("app"."ended_at" is not null) = ("app"."state" in ('running', 'failed')))
);
--> statement-breakpoint
CREATE TABLE "runtime_base" (
	"runtime" text PRIMARY KEY NOT NULL,
	"image_id" text NOT NULL,
	"set_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "runtime_base_runtime" CHECK ("runtime_base"."runtime" in ('node', 'python'))
);
--> statement-breakpoint
CREATE TABLE "port" (
	"protocol" text NOT NULL,
	"host" integer NOT NULL,
	"compute_id" text NOT NULL,
	"port" integer NOT NULL,
	CONSTRAINT "port_taken" PRIMARY KEY("protocol","host"),
	CONSTRAINT "port_protocol" CHECK ("port"."protocol" in ('tcp', 'udp')),
	CONSTRAINT "port_host" CHECK ("port"."host" between 1024 and 65535),
	CONSTRAINT "port_number" CHECK ("port"."port" between 1 and 65535)
);
--> statement-breakpoint
DROP INDEX "device_discovered_key";--> statement-breakpoint
DROP INDEX "token_account";--> statement-breakpoint
DROP INDEX "migration_compute";--> statement-breakpoint
ALTER TABLE "compute" ADD COLUMN "health" jsonb;--> statement-breakpoint
ALTER TABLE "compute" ADD COLUMN "last_exit" jsonb;--> statement-breakpoint
ALTER TABLE "compute" ADD COLUMN "observed" jsonb;--> statement-breakpoint
ALTER TABLE "compute" ADD COLUMN "last_update" jsonb;--> statement-breakpoint
ALTER TABLE "device" ADD COLUMN "certified_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "device" ADD COLUMN "clock_offset_ms" bigint;--> statement-breakpoint
ALTER TABLE "device" ADD COLUMN "location" text;--> statement-breakpoint
ALTER TABLE "device" ADD COLUMN "labels" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "device" ADD COLUMN "class_id" text;--> statement-breakpoint
ALTER TABLE "migration" ADD COLUMN "end_sessions" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "app" ADD CONSTRAINT "app_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app" ADD CONSTRAINT "app_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app" ADD CONSTRAINT "app_image_id_image_id_fk" FOREIGN KEY ("image_id") REFERENCES "public"."image"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "app" ADD CONSTRAINT "app_compute_id_compute_id_fk" FOREIGN KEY ("compute_id") REFERENCES "public"."compute"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "runtime_base" ADD CONSTRAINT "runtime_base_image_id_image_id_fk" FOREIGN KEY ("image_id") REFERENCES "public"."image"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "port" ADD CONSTRAINT "port_compute_id_compute_id_fk" FOREIGN KEY ("compute_id") REFERENCES "public"."compute"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "app_tenant" ON "app" USING btree ("tenant_id","seq");--> statement-breakpoint
CREATE INDEX "app_open" ON "app" USING btree ("tenant_id") WHERE "app"."ended_at" is null;--> statement-breakpoint
CREATE INDEX "app_image" ON "app" USING btree ("image_id");--> statement-breakpoint
CREATE INDEX "runtime_base_image" ON "runtime_base" USING btree ("image_id");--> statement-breakpoint
CREATE INDEX "port_compute" ON "port" USING btree ("compute_id");--> statement-breakpoint
CREATE INDEX "compute_tenant" ON "compute" USING btree ("tenant_id","seq") WHERE "compute"."deleted_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "device_key" ON "device" USING btree ("public_key_hash") WHERE "device"."state" <> 'retired';--> statement-breakpoint
CREATE INDEX "device_class" ON "device" USING btree ("class_id");--> statement-breakpoint
CREATE INDEX "image_tenant" ON "image" USING btree ("tenant_id","seq");--> statement-breakpoint
CREATE INDEX "membership_tenant" ON "membership" USING btree ("tenant_id","seq");--> statement-breakpoint
CREATE INDEX "token_account" ON "token" USING btree ("account_id","kind","seq");--> statement-breakpoint
CREATE INDEX "migration_compute" ON "migration" USING btree ("compute_id","seq");