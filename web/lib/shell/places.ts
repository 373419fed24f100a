import Activity from '@lucide/svelte/icons/activity';
import AppWindow from '@lucide/svelte/icons/app-window';
import ArrowRightLeft from '@lucide/svelte/icons/arrow-right-left';
import Box from '@lucide/svelte/icons/box';
import Layers from '@lucide/svelte/icons/layers';
import LayoutDashboard from '@lucide/svelte/icons/layout-dashboard';
import Server from '@lucide/svelte/icons/server';
import Settings from '@lucide/svelte/icons/settings';
import Wrench from '@lucide/svelte/icons/wrench';
import type { Component } from 'svelte';

export interface Place {
  label: string;
  href: string;
  icon: Component;
}

/** Where the navigation leads. */
export const PLACES: readonly Place[] = [
  { label: 'Overview', href: '/', icon: LayoutDashboard },
  { label: 'Devices', href: '/devices', icon: Server },
  { label: 'Computes', href: '/computes', icon: Box },
  { label: 'Images', href: '/images', icon: Layers },
  { label: 'Applications', href: '/apps', icon: AppWindow },
  { label: 'Migrations', href: '/migrations', icon: ArrowRightLeft },
  { label: 'Evacuations', href: '/evacuations', icon: Wrench },
  { label: 'Activity', href: '/activity', icon: Activity },
  { label: 'Settings', href: '/settings/profile', icon: Settings },
];

/** Whether a place is the one that a path is in. */
export function isIn({ href }: Pick<Place, 'href'>, pathname: string): boolean {
  if (href === '/') return pathname === '/';
  const [, top] = href.split('/');
  return pathname.split('/')[1] === top;
}
