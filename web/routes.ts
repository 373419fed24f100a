import { createRouter } from 'sv-router';
import { session } from './lib/state/session.svelte.ts';

/**
 * Every address and its page, each loaded when it is needed. `p` makes an address, `navigate` goes there, `route` has the
 * parameters. A page is made anew when the path changes, not when only the query does.
 */
// eslint-disable-next-line @typescript-eslint/unbound-method -- they are functions
export const { p, navigate, isActive, route } = createRouter({
  '/sign-in': () => import('./pages/SignIn.svelte'),
  '/register': () => import('./pages/Register.svelte'),
  '/': {
    layout: () => import('./lib/shell/Shell.svelte'),
    hooks: {
      // Where one wanted to is where one comes after signing in.
      beforeLoad: ({ pathname }): void => {
        if (session.me) return;
        const search = pathname === '/' ? undefined : { next: pathname };
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- so the router has it
        throw navigate('/sign-in', { replace: true, search });
      },
    },
    '/': () => import('./pages/overview/Overview.svelte'),
    '/devices': () => import('./pages/devices/Devices.svelte'),
    '/devices/:id': () => import('./pages/devices/Device.svelte'),
    '/computes': () => import('./pages/computes/Computes.svelte'),
    '/computes/new': () => import('./pages/computeCreate/CreateCompute.svelte'),
    '/computes/:id': () => import('./pages/compute/Compute.svelte'),
    '/volumes': () => import('./pages/volumes/Volumes.svelte'),
    '/volumes/:id': () => import('./pages/volumes/Volume.svelte'),
    '/images': () => import('./pages/images/Images.svelte'),
    '/images/:id': () => import('./pages/images/Image.svelte'),
    '/apps': () => import('./pages/applications/Applications.svelte'),
    '/apps/:id': () => import('./pages/applications/Application.svelte'),
    '/migrations': () => import('./pages/migrations/Migrations.svelte'),
    '/migrations/:id': () => import('./pages/migrations/Migration.svelte'),
    '/evacuations': () => import('./pages/evacuations/Evacuations.svelte'),
    '/evacuations/:id': () => import('./pages/evacuations/Evacuation.svelte'),
    '/activity': () => import('./pages/Activity.svelte'),
    '/settings/profile': () => import('./pages/settings/Profile.svelte'),
    '/settings/tokens': () => import('./pages/settings/Tokens.svelte'),
    '/settings/members': () => import('./pages/settings/Members.svelte'),
    '/settings/tenants': () => import('./pages/settings/Tenants.svelte'),
    '/settings/quotas': () => import('./pages/settings/Quotas.svelte'),
    '/settings/groups': () => import('./pages/settings/Groups.svelte'),
    '/settings/runtimes': () => import('./pages/settings/Runtimes.svelte'),
    '/settings/registries': () => import('./pages/settings/Registries.svelte'),
    '/settings/webhooks': () => import('./pages/settings/Webhooks.svelte'),
    '*': () => import('./pages/NotFound.svelte'),
  },
});
