/** Of the first account in the tests' databases. */
export const ADMIN = { email: 'admin@example.org', password: 'correct horse battery' };
