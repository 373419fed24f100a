ALTER TABLE "join_token" ADD COLUMN "name" text;--> statement-breakpoint
ALTER TABLE "join_token" ADD COLUMN "location" text;--> statement-breakpoint
ALTER TABLE "join_token" ADD COLUMN "labels" jsonb;