import { type Page } from '@playwright/test';
import { expect, open, row, test } from '../fixtures.ts';
import { type Pilothouse } from '../pilothouse.ts';

/** Declares what payments needs. */
async function payments(pilothouse: Pilothouse, depends_on: string[]): Promise<string> {
  const { id } = await pilothouse.service('payments');
  await pilothouse.call('PATCH', `/api/services/${id}`, { depends_on });
  return id;
}

function drawing(page: Page) {
  return page.getByRole('region', { name: 'Drawing of the dependencies' });
}

test.afterEach(async ({ pilothouse }) => {
  await payments(pilothouse, []);
});

test('what is declared in the settings is drawn, and its state moves', async ({ page, pilothouse, signIn }) => {
  const orders = await pilothouse.running('orders');
  const id = await payments(pilothouse, []);
  await signIn('developer');
  await open(page, `/services/${id}/settings`);
  const needs = page.getByRole('group', { name: 'Needs' });
  await needs.getByRole('checkbox', { name: 'orders' }).check();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('main').getByRole('status').filter({ hasText: 'Saved' })).toBeVisible();

  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Dependencies' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Dependencies' })).toBeVisible();
  await expect(drawing(page).getByRole('link', { name: /^orders:? Healthy$/ })).toBeVisible();
  const edge = row(page, 'payments');
  await expect(edge).toContainText('declared in the settings');
  await expect(edge).toContainText('Healthy');

  await pilothouse.stopped('orders');
  await expect(drawing(page).getByRole('link', { name: /^orders:? Stopped$/ })).toBeVisible();
  await expect(edge).toContainText('Down');

  await page.getByLabel('Around').selectOption({ label: 'orders' });
  await expect(page).toHaveURL(new RegExp(`/dependencies\\?service=${orders.id}$`));
  await drawing(page).getByRole('link', { name: /^payments:? / }).click();
  await expect(page).toHaveURL(new RegExp(`/services/${id}/dependencies$`));
  await expect(row(page, 'orders')).toContainText('Down');
});

test('before a stop it is said what depends on it', async ({ page, pilothouse, signIn }) => {
  const orders = await pilothouse.running('orders');
  await payments(pilothouse, [orders.id]);
  await signIn('developer');
  await open(page, `/services/${orders.id}`);
  await expect(page.getByRole('link', { name: 'needed by 1 service' })).toBeVisible();
  await page.getByRole('button', { name: 'Stop orders', exact: true }).click();
  const question = page.getByRole('dialog', { name: 'Stop orders?' });
  await expect(question.getByRole('status')).toContainText(/^1 service depends on it: payments/);
  await question.getByRole('button', { name: 'Cancel' }).click();
  await open(page, `/services/bulk?action=stop&id=${orders.id}`);
  await expect(row(page, 'orders')).toContainText('1 service depends on it: payments');
});

test('services are started in the order of what they need', async ({ page, pilothouse, signIn }) => {
  const orders = await pilothouse.stopped('orders');
  await pilothouse.stopped('payments');
  const id = await payments(pilothouse, [orders.id]);
  await signIn('developer');
  await open(page, `/services/bulk?action=start&id=${id}&id=${orders.id}`);
  await expect(row(page, 'orders')).toContainText('step 1 of 2');
  await expect(row(page, 'payments')).toContainText('step 2 of 2');
  await page.getByRole('button', { name: 'Start 2 services', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('2 services started', { timeout: 60_000 });
  const [first, second] = [await pilothouse.service('orders'), await pilothouse.service('payments')];
  expect(Date.parse(first.started_at ?? ''), 'orders first').toBeLessThan(Date.parse(second.started_at ?? ''));
});

test('a service is started with all that it needs, and what it needs is stopped with it', async ({ page, pilothouse, signIn }) => {
  const orders = await pilothouse.stopped('orders');
  await pilothouse.stopped('payments');
  const id = await payments(pilothouse, [orders.id]);
  await signIn('developer');
  await open(page, `/services/${id}`);
  await expect(page.getByText("It needs orders, which doesn't run.")).toBeVisible();
  await page.getByRole('link', { name: 'Start it with all that it needs' }).click();
  await expect(row(page, 'orders')).toContainText('step 1 of 2');
  await page.getByRole('button', { name: 'Start 2 services', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('2 services started', { timeout: 60_000 });
  await open(page, `/services/${orders.id}/dependencies`);
  await page.getByRole('link', { name: 'Stop it with all of these' }).click();
  await expect(row(page, 'payments')).toContainText('step 1 of 2');
  await page.getByRole('button', { name: 'Stop 2 services', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('2 services stopped', { timeout: 60_000 });

  // What it needs comes and goes while the page is looked at.
  await open(page, `/services/${id}`);
  await expect(page.getByText("It needs orders, which doesn't run.")).toBeVisible();
  await pilothouse.running('orders');
  await expect(page.getByText("It needs orders, which doesn't run.")).toBeHidden();
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('the page is whole, a part is chosen, and what is needed is declared', async ({ page, pilothouse, signIn }) => {
    const { id: orders } = await pilothouse.service('orders');
    const id = await payments(pilothouse, []);
    await signIn('developer');
    await page.goto(`/services/${id}/settings`);
    await page.getByRole('group', { name: 'Needs' }).getByRole('checkbox', { name: 'orders' }).check();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.goto('/dependencies');
    await expect(row(page, 'payments')).toContainText('orders');
    // The button that sends the form is in a noscript, which a browser whose scripts are only held back doesn't show: this is where it leads.
    await page.goto(`/dependencies?service=${orders}`);
    await expect(page.getByLabel('Around')).toHaveValue(orders);
    await expect(drawing(page).getByRole('link', { name: /^payments:? / })).toBeVisible();
  });
});
