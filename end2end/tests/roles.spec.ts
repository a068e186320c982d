import { expect, open, row, states, test } from '../fixtures.ts';

test('a viewer sees everything and is offered no action', async ({ page, pilothouse, signIn }) => {
  const { id } = await pilothouse.running('payments');
  await signIn('viewer');
  await open(page, '/services');
  await expect(row(page, 'payments')).toContainText('Running');
  await open(page, `/services/${id}/logs`);
  await expect(page.getByRole('region', { name: 'Log lines' })).toContainText('Uvicorn running on');
  await expect(page.getByRole('button', { name: /^(Start|Stop|Restart) / })).toHaveCount(0);
});

test('a developer starts, restarts and stops a service', async ({ page, pilothouse, signIn }) => {
  const { id } = await pilothouse.stopped('payments');
  await signIn('developer');
  await open(page, `/services/${id}`);
  await page.getByRole('button', { name: 'Start payments', exact: true }).click();
  await expect(states(page)).toContainText('Healthy', { timeout: 120_000 });

  await page.getByRole('button', { name: 'Restart payments', exact: true }).click();
  await page.getByRole('dialog', { name: 'Restart payments?' }).getByRole('button', { name: 'Restart' }).click();
  await expect(states(page)).not.toContainText('Healthy');
  await expect(states(page)).toContainText('Healthy', { timeout: 60_000 });

  await page.getByRole('button', { name: 'Stop payments', exact: true }).click();
  await page.getByRole('dialog', { name: 'Stop payments?' }).getByRole('button', { name: 'Cancel' }).click();
  await expect(states(page), 'cancelling leaves it running').toContainText('Running');
  await page.getByRole('button', { name: 'Stop payments', exact: true }).click();
  await page.getByRole('dialog', { name: 'Stop payments?' }).getByRole('button', { name: 'Stop' }).click();
  await expect(states(page)).toContainText('Stopped', { timeout: 30_000 });
});

test('an admin finds in the activity who did what', async ({ page, pilothouse, signIn }) => {
  await pilothouse.stopped('payments');
  await pilothouse.running('payments');
  await signIn('admin');
  await open(page, '/activity');
  await expect(page.getByRole('main')).toContainText('payments');
  await expect(page.getByRole('main')).toContainText('admin');
});

test('a wrong password says so, and lets one try again', async ({ page, pilothouse }) => {
  await page.goto(`${pilothouse.url}/sign-in`);
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(page.getByLabel('User name')).toBeEditable();
});
