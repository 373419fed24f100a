CREATE TABLE "account" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "account_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"email" text NOT NULL,
	"password_hash" text NOT NULL,
	"role" text DEFAULT 'admin' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "account_seq_unique" UNIQUE("seq"),
	CONSTRAINT "account_email_unique" UNIQUE("email")
);
--> statement-breakpoint
CREATE TABLE "idempotency_key" (
	"account_id" text NOT NULL,
	"key" text NOT NULL,
	"request_hash" text NOT NULL,
	"status" integer,
	"content_type" text,
	"body" jsonb,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_key_account_id_key_pk" PRIMARY KEY("account_id","key")
);
--> statement-breakpoint
CREATE TABLE "token" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "token_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"account_id" text NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"secret_hash" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp with time zone,
	"expires_at" timestamp with time zone,
	CONSTRAINT "token_seq_unique" UNIQUE("seq"),
	CONSTRAINT "token_secret_hash_unique" UNIQUE("secret_hash"),
	CONSTRAINT "token_kind" CHECK ("token"."kind" in ('session', 'api')),
	CONSTRAINT "token_session_expires" CHECK ("token"."kind" <> 'session' or "token"."expires_at" is not null)
);
--> statement-breakpoint
CREATE TABLE "address_allocation" (
	"ip_number" bigint PRIMARY KEY NOT NULL,
	"ip" text NOT NULL,
	"mac" text NOT NULL,
	"compute_id" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "address_allocation_ip_unique" UNIQUE("ip"),
	CONSTRAINT "address_allocation_mac_unique" UNIQUE("mac"),
	CONSTRAINT "address_allocation_compute_id_unique" UNIQUE("compute_id"),
	CONSTRAINT "address_ip" CHECK ("address_allocation"."ip_number" between 0 and 4294967295),
	CONSTRAINT "address_mac" CHECK ("address_allocation"."mac" ~ '^([0-9a-f]{2}:){5}[0-9a-f]{2}$')
);
--> statement-breakpoint
CREATE TABLE "compute" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "compute_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"group_id" text NOT NULL,
	"name" text NOT NULL,
	"image_id" text,
	"spec" jsonb NOT NULL,
	"state" text NOT NULL,
	"reason" text DEFAULT '' NOT NULL,
	"causes" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"desired" text NOT NULL,
	"exit_code" integer,
	"restarts" integer DEFAULT 0 NOT NULL,
	"create_run_id" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp with time zone,
	CONSTRAINT "compute_seq_unique" UNIQUE("seq"),
	CONSTRAINT "compute_state" CHECK ("compute"."state" in ('creating', 'running', 'stopped', 'migrating', 'failed', 'lost')),
	CONSTRAINT "compute_desired" CHECK ("compute"."desired" in ('running', 'stopped')),
	CONSTRAINT "compute_image_kept" CHECK ("compute"."image_id" is not null or "compute"."deleted_at" is not null)
);
--> statement-breakpoint
CREATE TABLE "compute_group" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "compute_group_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "compute_group_seq_unique" UNIQUE("seq")
);
--> statement-breakpoint
CREATE TABLE "placement" (
	"group_id" text PRIMARY KEY NOT NULL,
	"device_id" text NOT NULL,
	"epoch" integer NOT NULL,
	"transfer_id" text,
	"changed_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "placement_transfer_id_unique" UNIQUE("transfer_id"),
	CONSTRAINT "placement_epoch" CHECK ("placement"."epoch" >= 1)
);
--> statement-breakpoint
CREATE TABLE "device" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "device_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"name" text NOT NULL,
	"state" text NOT NULL,
	"public_key_hash" text NOT NULL,
	"inventory" jsonb NOT NULL,
	"last_heartbeat_at" timestamp with time zone DEFAULT now() NOT NULL,
	"unreachable_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "device_seq_unique" UNIQUE("seq"),
	CONSTRAINT "device_state" CHECK ("device"."state" in ('pending', 'ready', 'cordoned', 'draining', 'drained', 'retired'))
);
--> statement-breakpoint
CREATE TABLE "join_token" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "join_token_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"secret_hash" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"used_at" timestamp with time zone,
	"device_id" text,
	CONSTRAINT "join_token_seq_unique" UNIQUE("seq"),
	CONSTRAINT "join_token_secret_hash_unique" UNIQUE("secret_hash"),
	CONSTRAINT "join_token_used" CHECK (("join_token"."used_at" is null) = ("join_token"."device_id" is null))
);
--> statement-breakpoint
CREATE TABLE "event" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "event_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"type" text NOT NULL,
	"subject" text NOT NULL,
	"actor" text,
	"message" text NOT NULL,
	"data" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "image" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "image_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"name" text NOT NULL,
	"digest" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "image_seq_unique" UNIQUE("seq"),
	CONSTRAINT "image_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "image_blob" (
	"digest" text PRIMARY KEY NOT NULL,
	"archive_hash" text NOT NULL,
	"bytes" bigint NOT NULL,
	"info" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "image_blob_digest" CHECK ("image_blob"."digest" ~ '^sha256:[0-9a-f]{64}$'),
	CONSTRAINT "image_blob_bytes" CHECK ("image_blob"."bytes" > 0)
);
--> statement-breakpoint
CREATE TABLE "migration" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "migration_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"group_id" text NOT NULL,
	"compute_id" text NOT NULL,
	"source_id" text NOT NULL,
	"target_id" text NOT NULL,
	"state" text NOT NULL,
	"reason" text NOT NULL,
	"causes" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"epoch" integer NOT NULL,
	"tracker" text,
	"max_downtime_ms" integer,
	"frozen_ms" double precision,
	"wire_bytes" bigint DEFAULT 0 NOT NULL,
	"total_ms" double precision,
	"workflow_id" text NOT NULL,
	"run_id" text DEFAULT '' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone,
	CONSTRAINT "migration_seq_unique" UNIQUE("seq"),
	CONSTRAINT "migration_devices" CHECK ("migration"."source_id" <> "migration"."target_id"),
	CONSTRAINT "migration_state" CHECK ("migration"."state" in ('pending', 'preflight', 'preparing', 'precopying', 'switching', 'releasing', 'succeeded', 'aborted', 'rolledBack', 'failed', 'refused')),
	CONSTRAINT "migration_ended" CHECK (("migration"."ended_at" is not null) = ("migration"."state" in ('succeeded', 'aborted', 'rolledBack', 'failed', 'refused')))
);
--> statement-breakpoint
CREATE TABLE "migration_phase" (
	"migration_id" text NOT NULL,
	"name" text NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ms" double precision NOT NULL,
	CONSTRAINT "migration_phase_migration_id_name_started_at_pk" PRIMARY KEY("migration_id","name","started_at"),
	CONSTRAINT "migration_phase_ms" CHECK ("migration_phase"."ms" >= 0)
);
--> statement-breakpoint
CREATE TABLE "migration_round" (
	"migration_id" text NOT NULL,
	"round" integer NOT NULL,
	"pages" bigint NOT NULL,
	"bytes" bigint NOT NULL,
	"wire_bytes" bigint NOT NULL,
	"ms" double precision NOT NULL,
	"dirty_pages_per_second" double precision NOT NULL,
	CONSTRAINT "migration_round_migration_id_round_pk" PRIMARY KEY("migration_id","round"),
	CONSTRAINT "migration_round_number" CHECK ("migration_round"."round" >= 1)
);
--> statement-breakpoint
CREATE TABLE "transfer" (
	"id" text PRIMARY KEY NOT NULL,
	"migration_id" text NOT NULL,
	"group_id" text NOT NULL,
	"source_id" text NOT NULL,
	"target_id" text NOT NULL,
	"epoch" integer NOT NULL,
	"verdict" text DEFAULT 'none' NOT NULL,
	"outcome" text,
	"released_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"closed_at" timestamp with time zone,
	CONSTRAINT "transfer_id" CHECK ("transfer"."id" ~ '^[0-9a-f]{32}$'),
	CONSTRAINT "transfer_devices" CHECK ("transfer"."source_id" <> "transfer"."target_id"),
	CONSTRAINT "transfer_epoch" CHECK ("transfer"."epoch" >= 2),
	CONSTRAINT "transfer_verdict" CHECK ("transfer"."verdict" in ('none', 'go', 'abort')),
	CONSTRAINT "transfer_outcome" CHECK ("transfer"."outcome" in ('owner', 'discarded', 'thawed')),
	CONSTRAINT "transfer_owner" CHECK ("transfer"."outcome" is distinct from 'owner' or "transfer"."verdict" = 'go'),
	CONSTRAINT "transfer_closed" CHECK ("transfer"."closed_at" is null or "transfer"."verdict" <> 'none'),
	CONSTRAINT "transfer_outcome_closes" CHECK ("transfer"."outcome" is null or "transfer"."closed_at" is not null)
);
--> statement-breakpoint
ALTER TABLE "idempotency_key" ADD CONSTRAINT "idempotency_key_account_id_account_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."account"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "token" ADD CONSTRAINT "token_account_id_account_id_fk" FOREIGN KEY ("account_id") REFERENCES "public"."account"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "address_allocation" ADD CONSTRAINT "address_allocation_compute_id_compute_id_fk" FOREIGN KEY ("compute_id") REFERENCES "public"."compute"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "compute" ADD CONSTRAINT "compute_group_id_compute_group_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."compute_group"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "compute" ADD CONSTRAINT "compute_image_id_image_id_fk" FOREIGN KEY ("image_id") REFERENCES "public"."image"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "placement" ADD CONSTRAINT "placement_group_id_compute_group_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."compute_group"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "placement" ADD CONSTRAINT "placement_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "placement" ADD CONSTRAINT "placement_transfer_id_transfer_id_fk" FOREIGN KEY ("transfer_id") REFERENCES "public"."transfer"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "join_token" ADD CONSTRAINT "join_token_created_by_account_id_fk" FOREIGN KEY ("created_by") REFERENCES "public"."account"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "join_token" ADD CONSTRAINT "join_token_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "image" ADD CONSTRAINT "image_digest_image_blob_digest_fk" FOREIGN KEY ("digest") REFERENCES "public"."image_blob"("digest") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "migration" ADD CONSTRAINT "migration_group_id_compute_group_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."compute_group"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "migration" ADD CONSTRAINT "migration_compute_id_compute_id_fk" FOREIGN KEY ("compute_id") REFERENCES "public"."compute"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "migration" ADD CONSTRAINT "migration_source_id_device_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "migration" ADD CONSTRAINT "migration_target_id_device_id_fk" FOREIGN KEY ("target_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "migration_phase" ADD CONSTRAINT "migration_phase_migration_id_migration_id_fk" FOREIGN KEY ("migration_id") REFERENCES "public"."migration"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "migration_round" ADD CONSTRAINT "migration_round_migration_id_migration_id_fk" FOREIGN KEY ("migration_id") REFERENCES "public"."migration"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_migration_id_migration_id_fk" FOREIGN KEY ("migration_id") REFERENCES "public"."migration"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_group_id_compute_group_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."compute_group"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_source_id_device_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "transfer" ADD CONSTRAINT "transfer_target_id_device_id_fk" FOREIGN KEY ("target_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "token_account" ON "token" USING btree ("account_id");--> statement-breakpoint
CREATE UNIQUE INDEX "compute_name" ON "compute" USING btree ("name") WHERE "compute"."deleted_at" is null;--> statement-breakpoint
CREATE INDEX "compute_group_id" ON "compute" USING btree ("group_id");--> statement-breakpoint
CREATE INDEX "compute_image" ON "compute" USING btree ("image_id");--> statement-breakpoint
CREATE INDEX "placement_device" ON "placement" USING btree ("device_id");--> statement-breakpoint
CREATE UNIQUE INDEX "device_name" ON "device" USING btree ("name") WHERE "device"."state" <> 'retired';--> statement-breakpoint
CREATE INDEX "event_subject" ON "event" USING btree ("subject","id");--> statement-breakpoint
CREATE INDEX "image_digest" ON "image" USING btree ("digest");--> statement-breakpoint
CREATE UNIQUE INDEX "migration_one_open" ON "migration" USING btree ("group_id") WHERE "migration"."ended_at" is null;--> statement-breakpoint
CREATE INDEX "migration_compute" ON "migration" USING btree ("compute_id");--> statement-breakpoint
CREATE UNIQUE INDEX "transfer_one_open" ON "transfer" USING btree ("group_id") WHERE "transfer"."closed_at" is null;--> statement-breakpoint
CREATE INDEX "transfer_migration" ON "transfer" USING btree ("migration_id");