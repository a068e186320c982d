import type { Page } from '@playwright/test';

import { expect, open, test } from '../fixtures.ts';
import type { Pilothouse } from '../pilothouse.ts';

// The browser notes each refusal on its console.
test.use({ expectedErrors: [/status of 422/] });

/** Has a plan of a service shown, refused at first, and makes what was planned; it is started at once and ended again. */
async function plan(page: Page, name: string) {
  await page.getByLabel('Name', { exact: true }).fill('no name');
  await page.getByLabel('Folder', { exact: true }).fill('/tmp');
  await page.getByLabel('Command', { exact: true }).fill('sleep 600');
  await page.getByLabel('Variables', { exact: true }).fill('MODE=secret-value');
  await page.getByRole('button', { name: 'Show the plan' }).click();
  await expect(page.getByRole('alert').first()).toContainText('A name has 1 to 63 of');

  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByRole('button', { name: 'Show the plan' }).click();
  const shown = page.getByRole('status').filter({ hasText: 'can be started' });
  await expect(shown).toContainText(name);
  await expect(shown).toContainText('sleep 600');
  await expect(shown).toContainText('MODE');
  await expect(shown).not.toContainText('secret-value');
  await expect(page.getByLabel('Command', { exact: true }), 'what was typed stays').toHaveValue('sleep 600');

  await page.getByLabel('Start it at once').check();
  await page.getByRole('button', { name: 'Make service' }).click();
  await expect(page.getByRole('heading', { name, level: 1 })).toBeVisible();
  await expect(page.getByRole('main')).toContainText('its first start has begun');
}

/** Ends it and takes it away: other tests count what is there. */
async function remove(page: Page, pilothouse: Pilothouse) {
  const path = `/api/services/${new URL(page.url()).pathname.split('/')[2]}`;
  const status = async () => (await pilothouse.call<{ status: string }>('GET', path)).status;
  await expect.poll(status).toBe('running');
  await pilothouse.call('POST', `${path}/stop`);
  await expect.poll(status).toBe('stopped');
  await pilothouse.call('DELETE', path);
}

test('a plan is shown before a service is made and started', async ({ page, signIn, pilothouse }) => {
  await signIn('admin');
  await open(page, '/services/new');
  await plan(page, 'planned');
  await expect(page.getByRole('main').getByText('Running', { exact: true }).first()).toBeVisible();
  await remove(page, pilothouse);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a plan is shown before a service is made and started', async ({ page, signIn, pilothouse }) => {
    await signIn('admin');
    await page.goto('/services/new');
    await plan(page, 'planned-plain');
    await remove(page, pilothouse);
  });
});
