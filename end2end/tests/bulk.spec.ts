import { alive, expect, open, row, test } from '../fixtures.ts';

test('services are chosen, stopped together, and started again', async ({ page, pilothouse, signIn }) => {
  await pilothouse.running('orders');
  await pilothouse.stopped('payments');
  await signIn('developer');
  await open(page, '/services');
  const bar = page.getByRole('form', { name: 'With those chosen' });
  await expect(bar).toBeHidden();
  await page.getByLabel('Choose all services of this page').check();
  await expect(page.getByLabel('Choose orders')).toBeChecked();
  await page.getByLabel('Choose invoices').uncheck();
  await expect(bar).toContainText('2 chosen');
  await bar.getByRole('button', { name: 'Stop' }).click();

  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Stop 2 services?');
  await expect(row(page, 'payments')).toContainText('stays as it is: it is stopped already');
  await expect(row(page, 'orders')).toContainText('will be stopped');
  await page.getByRole('button', { name: 'Stop 1 service', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('1 service stopped');
  await expect(page.getByRole('main').getByRole('status')).toHaveText('1 of 1 stopped');

  await page.getByRole('button', { name: 'Undo: start them again' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('1 service started', { timeout: 60_000 });
  await page.reload();
  await alive(page);
  await expect(row(page, 'orders')).toContainText('is started');
});

test('a viewer chooses nothing', async ({ page, pilothouse, signIn }) => {
  await pilothouse.running('orders');
  await signIn('viewer');
  await open(page, '/services');
  await expect(row(page, 'orders')).toBeVisible();
  await expect(page.getByRole('checkbox')).toHaveCount(0);
});

test('names are whole at every width', async ({ page, pilothouse, signIn }) => {
  await pilothouse.running('orders');
  await signIn('developer');
  await open(page, '/services');
  const name = page.getByRole('link', { name: 'orders', exact: true });
  for (const width of [390, 1023, 1024, 1183, 1184, 1280, 1344, 1440, 1536]) {
    await page.setViewportSize({ width, height: 800 });
    const isWhole = await name.evaluate((link) => link.clientWidth > 0 && link.scrollWidth <= link.clientWidth);
    expect.soft(isWhole, `at ${width} pixels`).toBe(true);
  }
});
