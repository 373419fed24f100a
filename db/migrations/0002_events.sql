CREATE TABLE "event_kept" (
	"only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"removed_through" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "event_kept_only" CHECK ("event_kept"."only")
);
--> statement-breakpoint
ALTER TABLE "event" ADD COLUMN "tenant_id" text;--> statement-breakpoint
INSERT INTO "event_kept" DEFAULT VALUES;--> statement-breakpoint
-- Identity values become visible out of order: a transaction with a lower one may commit later. So an event gets its id as
-- the last thing before its transaction commits, under a lock that is held until it is visible. All other locks of the
-- transaction are taken by then, so nobody waits for another in a circle. The notification is a wake-up without content.
CREATE FUNCTION "event_take_place"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7480004);
  UPDATE event SET id = DEFAULT WHERE id = NEW.id;
  PERFORM pg_notify('drayage_event', '');
  RETURN NULL;
END
$$;--> statement-breakpoint
CREATE CONSTRAINT TRIGGER "event_take_place" AFTER INSERT ON "event" DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION "event_take_place"();
