import { expect, test } from '../fixtures.ts';
import { PASSWORD } from '../pilothouse.ts';

test.use({ expectedErrors: [/status of 404/] });

test('an address that leads nowhere says so, with the way back', async ({ page, signIn }) => {
  await signIn('viewer');
  const answer = await page.goto('/nowhere');
  expect(answer?.status()).toBe(404);
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Overview' }).click();
  await expect(page).toHaveURL(/\/$/);
});

test('a deep link survives signing in', async ({ page, pilothouse }) => {
  const { id } = await pilothouse.service('orders');
  await page.goto(`/services/${id}/logs`);
  await expect(page).toHaveURL(/\/sign-in\?next=/);
  await page.getByLabel('User name').fill('viewer');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page).toHaveURL(new RegExp(`/services/${id}/logs$`));
  await expect(page.getByRole('heading', { name: 'orders', level: 1 })).toBeVisible();
});
