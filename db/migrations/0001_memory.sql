ALTER TABLE "migration" ADD COLUMN "tracker_reason" text;--> statement-breakpoint
ALTER TABLE "migration" ADD COLUMN "restore_mode" text;--> statement-breakpoint
ALTER TABLE "migration" ADD COLUMN "restore_reason" text;--> statement-breakpoint
ALTER TABLE "migration" ADD COLUMN "bandwidth_mbit" double precision;--> statement-breakpoint
ALTER TABLE "migration" ADD COLUMN "allow_throttle" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "migration" ADD COLUMN "dry_run" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "migration" ADD COLUMN "predicted" jsonb;--> statement-breakpoint
ALTER TABLE "migration" ADD COLUMN "progress" jsonb;--> statement-breakpoint
ALTER TABLE "migration" ADD COLUMN "progress_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "migration" ADD COLUMN "throttle" double precision;--> statement-breakpoint
ALTER TABLE "migration_round" ADD COLUMN "scan_ms" double precision DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "migration_round" ADD COLUMN "looked_pages" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "migration_round" ADD COLUMN "zero_pages" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "migration_round" ADD COLUMN "known_pages" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "migration_round" ADD COLUMN "link_bytes_per_second" double precision;--> statement-breakpoint
ALTER TABLE "migration_round" ADD COLUMN "closing" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "migration_round" ADD COLUMN "decision" text DEFAULT 'switch' NOT NULL;--> statement-breakpoint
ALTER TABLE "migration_round" ADD COLUMN "reason" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "migration_round" ADD COLUMN "expected_freeze_ms" double precision;--> statement-breakpoint
ALTER TABLE "migration" ADD CONSTRAINT "migration_restore" CHECK ("migration"."restore_mode" in ('lazy', 'eager'));--> statement-breakpoint
ALTER TABLE "migration" ADD CONSTRAINT "migration_bandwidth" CHECK ("migration"."bandwidth_mbit" > 0);--> statement-breakpoint
ALTER TABLE "migration" ADD CONSTRAINT "migration_throttle" CHECK ("migration"."throttle" > 0 and "migration"."throttle" <= 1);--> statement-breakpoint
ALTER TABLE "migration_round" ADD CONSTRAINT "migration_round_decision" CHECK ("migration_round"."decision" in ('round', 'switch', 'giveUp', 'throttle'));