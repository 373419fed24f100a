import { config } from 'zod';

// The policy lets no text be run as a program, which is how zod is fast otherwise. Imported before anything that has schemas.
config({ jitless: true });
