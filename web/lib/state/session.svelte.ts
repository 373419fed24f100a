// Here too, so that it is in one chunk with what has schemas, and comes first there.
import '../withoutEval.ts';
import { ProblemError } from '../../../client/problemError.ts';
import type { Body, Schemas } from '../../../client/createClient.ts';
import { decideAccess, type Need } from '../../../core/tenancy.ts';
import { clientFor } from '../api/clientFor.ts';
import { chooseTenant, type KnownTenant, knownTenants } from './chooseTenant.ts';
import { remembered } from './remembered.ts';
import { Workspace } from './Workspace.ts';

const TENANT = 'tenant';

/** Who is signed in, and the tenant that is looked at. */
class Session {
  /** Null: nobody is signed in. */
  me = $state.raw<Schemas['Account'] | null>(null);
  /** Those that can be switched to. */
  tenants = $state.raw<readonly KnownTenant[]>([]);
  /** The one that is looked at; null for an account that is in none. */
  tenant = $state.raw<KnownTenant | null>(null);
  #workspace = $state.raw<Workspace | null>(null);
  #whenEnded: () => void = () => undefined;
  /** Of what belongs to no tenant: signing in, one's own tokens. */
  readonly account = clientFor(null, () => this.#end());

  get isOperator(): boolean {
    return this.me?.role === 'operator';
  }

  /** What there is of the tenant that is looked at. Pages are made anew when it changes. */
  get workspace(): Workspace {
    if (this.#workspace === null) throw new Error('Nobody is signed in.');
    return this.#workspace;
  }

  /** Whether who is signed in may do what needs this role: what may not be done is not offered. */
  may(need: Need): boolean {
    const role = this.tenant?.role ?? null;
    return decideAccess(need, { operator: this.isOperator, role }).action === 'allow';
  }

  /** Tells when the session has ended by itself. */
  whenEnded(told: () => void): void {
    this.#whenEnded = told;
  }

  /** Takes up the session that the browser still has, if it has one. @throws DrayageError, ProblemError: it is not known */
  async restore(): Promise<void> {
    const me = await this.account.get('/auth/me').catch((error: unknown) => {
      if (error instanceof ProblemError && error.problem.status === 401) return null;
      throw error;
    });
    if (me) await this.#begin(me);
  }

  async signIn(email: string, password: string): Promise<void> {
    const { account } = await this.account.post('/auth/sign-in', {
      body: { email, password, session: 'cookie' },
    });
    await this.#begin(account);
  }

  async register(request: Omit<Body<'/auth/register', 'post'>, 'session'>): Promise<void> {
    const { account } = await this.account.post('/auth/register', {
      body: { ...request, session: 'cookie' },
    });
    await this.#begin(account);
  }

  async signOut(): Promise<void> {
    await this.account.post('/auth/sign-out');
    this.#end();
  }

  /** Becomes a member of the tenant that one was invited to, and looks at it. */
  async acceptInvitation(secret: string): Promise<void> {
    const before = new Set(this.me?.tenants.map(({ id }) => id));
    const me = await this.account.post('/invitations/accept', { body: { secret } });
    const joined = me.tenants.find(({ id }) => !before.has(id));
    await this.#begin(me, joined?.id);
    if (joined) remembered.set(TENANT, joined.id);
  }

  /** Reads again which tenants there are: after one was made, left or deleted. */
  async refresh(): Promise<void> {
    await this.#begin(await this.account.get('/auth/me'));
  }

  /** Looks at another tenant. */
  switchTenant(id: string): void {
    remembered.set(TENANT, id);
    this.#look(chooseTenant(this.tenants, id));
  }

  async #begin(me: Schemas['Account'], wanted = this.tenant?.id ?? remembered.get(TENANT)): Promise<void> {
    const all = me.role === 'operator' ? await this.#allTenants() : [];
    this.me = me;
    this.tenants = knownTenants(me.tenants, all);
    this.#look(chooseTenant(this.tenants, wanted));
  }

  async #allTenants(): Promise<KnownTenant[]> {
    const { items } = await this.account.get('/tenants', { params: { query: { limit: 500 } } });
    return items;
  }

  #look(tenant: KnownTenant | null): void {
    const same = tenant?.id === this.tenant?.id && this.#workspace !== null;
    this.tenant = tenant;
    if (same) return;
    this.#workspace?.close();
    this.#workspace = new Workspace(tenant?.id ?? null, () => this.#end());
    this.#workspace.start();
  }

  #end(): void {
    if (this.me === null) return;
    this.me = null;
    this.tenants = [];
    this.tenant = null;
    this.#whenEnded();
    this.#workspace?.close();
    // Pages that are still there go first.
    queueMicrotask(() => {
      if (this.me === null) this.#workspace = null;
    });
  }
}

export const session = new Session();
