ALTER TABLE "compute" ADD COLUMN "health" jsonb;--> statement-breakpoint
ALTER TABLE "compute" ADD COLUMN "last_exit" jsonb;--> statement-breakpoint
ALTER TABLE "compute" ADD COLUMN "observed" jsonb;--> statement-breakpoint
ALTER TABLE "compute" ADD COLUMN "last_update" jsonb;--> statement-breakpoint
ALTER TABLE "migration" ADD COLUMN "end_sessions" boolean DEFAULT false NOT NULL;