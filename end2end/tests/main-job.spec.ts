import { alive, expect, open, row, states, test } from '../fixtures.ts';

test('an operator starts a service, watches it come alive, reads its log and stops it', async ({ page, pilothouse, signIn }) => {
  await pilothouse.stopped('orders');
  await signIn('admin');

  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Services' }).click();
  await expect(page.getByRole('heading', { name: 'Services' })).toBeVisible();
  for (const name of ['invoices', 'orders', 'payments']) await expect(row(page, name)).toBeVisible();

  await page.getByRole('link', { name: 'orders', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'orders' })).toBeVisible();
  await expect(states(page)).toContainText('Stopped');
  await page.getByRole('button', { name: 'Start orders', exact: true }).click();
  await expect(states(page)).toContainText('Running', { timeout: 120_000 });
  await expect(states(page)).toContainText('Healthy', { timeout: 60_000 });

  const cpu = page.getByRole('img', { name: /^CPU: now / });
  await expect(cpu).toBeVisible({ timeout: 60_000 });
  const drawn = await cpu.innerHTML();
  await expect.poll(() => cpu.innerHTML(), { message: 'the chart moves', timeout: 60_000 }).not.toBe(drawn);

  await page.getByRole('navigation', { name: 'Service', exact: true }).getByRole('link', { name: 'Logs' }).click();
  const log = page.getByRole('region', { name: 'Log lines' });
  await expect(log).toContainText('Uvicorn running on');
  const answer = await pilothouse.ask('orders', '/orders', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ item: 'brass lantern', quantity: 2 }),
  });
  expect(answer.status).toBe(201);
  await expect(log, 'a new line arrives by itself').toContainText('placed: 2 x brass lantern');

  await page.getByRole('button', { name: 'Stop orders', exact: true }).click();
  const question = page.getByRole('dialog', { name: 'Stop orders?' });
  await question.getByRole('button', { name: 'Stop' }).click();
  await expect(states(page)).toContainText('Stopped', { timeout: 30_000 });
  expect((await pilothouse.service('orders')).status).toBe('stopped');

  await page.getByLabel('Account of admin').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await page.goto('/services');
  await expect(page, 'nothing is left open').toHaveURL(/\/sign-in/);
});

test('requests to a service appear as figures', async ({ page, pilothouse, signIn }) => {
  await pilothouse.running('orders');
  await signIn('viewer');
  await open(page, `/services/${(await pilothouse.service('orders')).id}`);
  await expect(page.getByRole('img', { name: /^Requests: / })).toBeVisible();
  await expect(async () => {
    await pilothouse.ask('orders', '/orders/1');
    await expect(page.getByRole('img', { name: /^Requests: now (?!0(\.0+)? )/ })).toBeVisible({ timeout: 1_000 });
  }).toPass({ timeout: 60_000 });
});

test('a service without figures of its own says how to expose them', async ({ page, pilothouse, signIn }) => {
  const { id } = await pilothouse.running('payments');
  await signIn('viewer');
  await open(page, `/services/${id}`);
  await expect(page.getByRole('heading', { name: /not exposed/ })).toBeVisible({ timeout: 60_000 });
});

test('a service that crashes at its start shows why', async ({ page, pilothouse, signIn }) => {
  const { id } = await pilothouse.service('invoices');
  await signIn('developer');
  await open(page, `/services/${id}`);
  await page.getByRole('button', { name: 'Start invoices', exact: true }).click();
  await expect(states(page)).toContainText('Error', { timeout: 60_000 });
  await expect(page.getByRole('main')).toContainText("the variable INVOICES_DATABASE_URL isn't set");
});

test('the table follows what others do', async ({ page, pilothouse, signIn }) => {
  await pilothouse.stopped('payments');
  await signIn('viewer');
  await open(page, '/services');
  await expect(row(page, 'payments')).toContainText('Stopped');
  await pilothouse.running('payments');
  await expect(row(page, 'payments')).toContainText('Running');
  await expect(row(page, 'payments')).toContainText('Healthy');
});

test('an answer that comes after newer news undoes nothing', async ({ page, pilothouse, signIn }) => {
  const { id } = await pilothouse.running('payments');
  await signIn('developer');
  await open(page, `/services/${id}`);
  await page.route('**/rpc/stop_service', async (route) => {
    const answer = await route.fetch();
    await expect(states(page), 'the feed is faster than the answer').toContainText('Stopped', { timeout: 30_000 });
    await route.fulfill({ response: answer });
  });
  const answered = page.waitForResponse('**/rpc/stop_service');
  await page.getByRole('button', { name: 'Stop payments', exact: true }).click();
  await page.getByRole('dialog', { name: 'Stop payments?' }).getByRole('button', { name: 'Stop' }).click();
  expect((await (await answered).json()).status).toBe('stopping');
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await expect(states(page)).toContainText('Stopped');
});

test('the palette goes to a service', async ({ page, signIn }) => {
  await signIn('viewer');
  await page.keyboard.press('Control+k');
  const palette = page.getByRole('dialog', { name: 'Find or do' });
  await palette.getByRole('combobox').fill('payments');
  await expect(palette.getByRole('option').first()).toContainText('payments');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'payments', level: 1 })).toBeVisible();
  await alive(page);
});
