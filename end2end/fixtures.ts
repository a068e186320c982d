// What every test of the interface starts from.

import { type Locator, type Page, expect, test as base } from '@playwright/test';
import { PASSWORD, Pilothouse, type Role } from './pilothouse.ts';

export { expect };

interface Own {
  /** Signs in by the form, and waits until the page is alive. */
  signIn: (role: Role) => Promise<void>;
  /** What the browser's console may complain about in this test. */
  expectedErrors: RegExp[];
}

export const test = base.extend<Own, { pilothouse: Pilothouse }>({
  pilothouse: [
    async ({}, use) => {
      const pilothouse = await Pilothouse.start();
      await use(pilothouse);
      const log = await pilothouse.end();
      expect(log, 'Pilothouse logs no error').not.toMatch(/ ERROR /);
      expect(log, 'nothing panics').not.toMatch(/panicked at/);
    },
    { scope: 'worker', timeout: 120_000 },
  ],

  baseURL: async ({ pilothouse }, use) => use(pilothouse.url),

  expectedErrors: [[], { option: true }],

  // An error on the console fails the test: a wrong hydration, a blocked style, a panic in WebAssembly.
  page: async ({ page, expectedErrors }, use) => {
    const errors: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(`${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => errors.push(String(error)));
    await use(page);
    const unexpected = errors.filter((error) => !expectedErrors.some((expected) => expected.test(error)));
    expect(unexpected, 'the console has no error').toEqual([]);
  },

  signIn: async ({ page, javaScriptEnabled }, use) => {
    await use(async (role) => {
      await page.goto('/sign-in');
      await page.getByLabel('User name').fill(role);
      await page.getByLabel('Password').fill(PASSWORD);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await expect(page.getByRole('navigation', { name: 'Main' })).toBeVisible();
      if (javaScriptEnabled !== false) await alive(page);
    });
  },
});

/** Waits until the page is hydrated. */
export async function alive(page: Page): Promise<void> {
  await expect(page.locator('html')).toHaveAttribute('data-hydrated', '');
}

/** Goes to an address as if it had been typed, and waits until the page is hydrated. */
export async function open(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await alive(page);
}

/** The row of a service in the table. */
export function row(page: Page, name: string): Locator {
  return page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: new RegExp(`^${name}\\b`) }) });
}

/** The state and the health at the head of a service's page. */
export function states(page: Page): Locator {
  return page.getByRole('main').locator('.service-head-states');
}
