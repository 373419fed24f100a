CREATE TABLE "image_location" (
	"digest" text NOT NULL,
	"device_id" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "image_location_digest_device_id_pk" PRIMARY KEY("digest","device_id")
);
--> statement-breakpoint
CREATE TABLE "image_upload" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "image_upload_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant_id" text NOT NULL,
	"name" text NOT NULL,
	"bytes" bigint NOT NULL,
	"digest" text NOT NULL,
	"options" jsonb NOT NULL,
	"finished" boolean DEFAULT false NOT NULL,
	"image_id" text,
	"expires_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "image_upload_seq_unique" UNIQUE("seq"),
	CONSTRAINT "image_upload_digest" CHECK ("image_upload"."digest" ~ '^sha256:[0-9a-f]{64}$'),
	CONSTRAINT "image_upload_bytes" CHECK ("image_upload"."bytes" > 0),
	CONSTRAINT "image_upload_finished" CHECK ("image_upload"."finished" = ("image_upload"."image_id" is not null))
);
--> statement-breakpoint
CREATE TABLE "image_pull" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "image_pull_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant_id" text NOT NULL,
	"reference" text NOT NULL,
	"name" text NOT NULL,
	"architecture" text NOT NULL,
	"state" text DEFAULT 'running' NOT NULL,
	"causes" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"image_id" text,
	"manifest_digest" text,
	"actor" text NOT NULL,
	"run_id" text DEFAULT '' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone,
	CONSTRAINT "image_pull_seq_unique" UNIQUE("seq"),
	CONSTRAINT "image_pull_state" CHECK ("image_pull"."state" in ('running', 'succeeded', 'failed')),
	CONSTRAINT "image_pull_ended" CHECK (("image_pull"."ended_at" is null) = ("image_pull"."state" = 'running'))
);
--> statement-breakpoint
CREATE TABLE "registry_credential" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "registry_credential_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant_id" text NOT NULL,
	"host" text NOT NULL,
	"username" text NOT NULL,
	"sealed_password" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "registry_credential_seq_unique" UNIQUE("seq")
);
--> statement-breakpoint
ALTER TABLE "image_blob" ADD COLUMN "layers" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "image_location" ADD CONSTRAINT "image_location_digest_image_blob_digest_fk" FOREIGN KEY ("digest") REFERENCES "public"."image_blob"("digest") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "image_location" ADD CONSTRAINT "image_location_device_id_device_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."device"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "image_upload" ADD CONSTRAINT "image_upload_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "image_upload" ADD CONSTRAINT "image_upload_image_id_image_id_fk" FOREIGN KEY ("image_id") REFERENCES "public"."image"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "image_pull" ADD CONSTRAINT "image_pull_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "image_pull" ADD CONSTRAINT "image_pull_image_id_image_id_fk" FOREIGN KEY ("image_id") REFERENCES "public"."image"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "registry_credential" ADD CONSTRAINT "registry_credential_tenant_id_tenant_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenant"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "image_location_device" ON "image_location" USING btree ("device_id");--> statement-breakpoint
CREATE INDEX "image_upload_tenant" ON "image_upload" USING btree ("tenant_id","seq");--> statement-breakpoint
CREATE INDEX "image_upload_image" ON "image_upload" USING btree ("image_id");--> statement-breakpoint
CREATE INDEX "image_upload_expires" ON "image_upload" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "image_pull_tenant" ON "image_pull" USING btree ("tenant_id","seq");--> statement-breakpoint
CREATE INDEX "image_pull_image" ON "image_pull" USING btree ("image_id");--> statement-breakpoint
CREATE UNIQUE INDEX "registry_credential_host" ON "registry_credential" USING btree ("tenant_id","host");