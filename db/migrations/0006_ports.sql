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
ALTER TABLE "port" ADD CONSTRAINT "port_compute_id_compute_id_fk" FOREIGN KEY ("compute_id") REFERENCES "public"."compute"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "port_compute" ON "port" USING btree ("compute_id");
