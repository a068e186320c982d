import { expect, row, states, test } from '../fixtures.ts';

test.use({ javaScriptEnabled: false });

test('without JavaScript one signs in, reads everything, starts and stops', async ({ page, pilothouse, signIn }) => {
  await pilothouse.running('orders');
  await pilothouse.stopped('payments');
  await signIn('developer');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();

  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Services' }).click();
  await expect(row(page, 'orders')).toContainText('Running');
  await page.getByRole('link', { name: 'orders', exact: true }).click();
  await expect(states(page)).toContainText('Healthy');
  await expect(page.getByRole('img', { name: /^CPU: / }).locator('polyline').first()).toBeAttached();
  const tabs = page.getByRole('navigation', { name: 'Service', exact: true });
  await tabs.getByRole('link', { name: 'Logs' }).click();
  await expect(page.getByRole('region', { name: 'Log lines' })).toContainText('Uvicorn running on');
  await tabs.getByRole('link', { name: 'Activity' }).click();
  await expect(page.getByRole('main')).toContainText('admin');

  await page.goto('/services');
  await page.getByRole('link', { name: 'payments', exact: true }).click();
  await page.getByRole('button', { name: 'Start payments', exact: true }).click();
  await expect(async () => {
    await page.reload();
    await expect(states(page)).toContainText('Running', { timeout: 500 });
  }).toPass({ timeout: 120_000 });
  await page.getByRole('button', { name: 'Stop payments', exact: true }).click();
  await expect(async () => {
    await page.reload();
    await expect(states(page)).toContainText('Stopped', { timeout: 500 });
  }).toPass({ timeout: 30_000 });

  await page.goto('/services');
  await page.getByLabel('Choose orders').check();
  await page.getByRole('form', { name: 'With those chosen' }).getByRole('button', { name: 'Restart' }).click();
  await page.getByRole('button', { name: 'Restart 1 service', exact: true }).click();
  await expect(async () => {
    await page.reload();
    await expect(page.getByRole('main')).toContainText('1 of 1 restarted', { timeout: 500 });
  }).toPass({ timeout: 60_000 });

  await page.goto('/services');
  await page.getByRole('link', { name: 'payments', exact: true }).click();
  await tabs.getByRole('link', { name: 'Settings' }).click();
  await page.getByLabel('Description').fill('Takes cards');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('main')).toContainText('Saved.');
  await page.getByLabel('Variables').fill('nonsense');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert').first()).toContainText('Line 1 of the variables is not of the form NAME=value.');
  await expect(page.getByRole('main')).not.toContainText('Saved.');

  await page.getByLabel('Account of developer').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
});
