import { expect, open, row, states, test } from '../fixtures.ts';

// The browser notes each refusal on its console.
test.use({ expectedErrors: [/status of 422/] });

test('a developer changes what a service is told; what is refused keeps what was typed', async ({ page, pilothouse, signIn }) => {
  const { id } = await pilothouse.stopped('payments');
  await signIn('developer');
  await open(page, `/services/${id}`);
  await page.getByRole('navigation', { name: 'Service', exact: true }).getByRole('link', { name: 'Settings' }).click();
  await page.getByLabel('Description').fill('Takes cards');
  await page.getByLabel('Variables').fill('GREETING=hello world\nnonsense');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('Line 2 of the variables is not of the form NAME=value.');
  await expect(page.getByLabel('Description')).toHaveValue('Takes cards');

  await page.getByLabel('Variables').fill('GREETING=hello world');
  await page.getByLabel('Start it again').selectOption('Never: it stays down');
  await page.getByLabel('Memory').fill('much');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('An amount of memory is a number with a unit, such as 512 MiB or 2 GB.');
  await page.getByLabel('Memory').fill('0.5 GiB');
  await page.getByLabel('Labels').fill('team=cards');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('main').getByRole('status').filter({ hasText: 'Saved' })).toBeVisible();
  const saved = await pilothouse.call<{ description: string; spec: unknown }>('GET', `/api/services/${id}`);
  expect(saved).toMatchObject({
    description: 'Takes cards',
    spec: { restart: 'never', environment: { GREETING: 'hello world' }, limits: { memory_bytes: 512 * 1024 * 1024, cpu_percent: null } },
  });
  await page.reload();
  await expect(page.getByLabel('Variables')).toHaveValue('GREETING=hello world');
  await expect(page.getByLabel('Memory')).toHaveValue('512 MiB');
  await expect(page.getByRole('button', { name: 'Delete this service' }), 'deleting takes an Admin').toHaveCount(0);

  await open(page, '/services');
  await row(page, 'payments').getByRole('link', { name: 'team=cards' }).click();
  await expect(row(page, 'orders'), 'only those with the label are left').toHaveCount(0);
  await expect(row(page, 'payments')).toBeVisible();
  await page.getByRole('link', { name: 'Any label, not only team=cards' }).click();
  await expect(row(page, 'orders')).toBeVisible();
});

test('an admin makes a service from a command, starts it, deletes it after typing its name, and puts it back', async ({ page, signIn }) => {
  await signIn('admin');
  await open(page, '/services');
  await page.getByRole('link', { name: 'New service' }).click();
  await page.getByLabel('Name').fill('files');
  await page.getByLabel('Folder').fill('/nowhere');
  await page.getByLabel('Command', { exact: true }).fill('python3 -m http.server $PORT --bind 127.0.0.1');
  await page.getByRole('button', { name: 'Make service' }).click();
  await expect(page.getByRole('alert')).toContainText("The folder '/nowhere' isn't there");
  await page.getByLabel('Folder').fill('/tmp');
  await page.getByRole('button', { name: 'Make service' }).click();
  await expect(page.getByRole('heading', { name: 'files', level: 1 })).toBeVisible();
  await expect(page.getByRole('main')).toContainText('The service is made.');
  await page.getByRole('button', { name: 'Start files', exact: true }).click();
  await expect(states(page)).toContainText('Healthy', { timeout: 60_000 });

  await page.getByRole('navigation', { name: 'Service', exact: true }).getByRole('link', { name: 'Settings' }).click();
  const remove = page.getByRole('button', { name: 'Delete this service' });
  await expect(remove, 'what runs is stopped first').toBeDisabled();
  await page.getByRole('button', { name: 'Stop files', exact: true }).click();
  await page.getByRole('dialog', { name: 'Stop files?' }).getByRole('button', { name: 'Stop' }).click();
  await expect(remove).toBeEnabled({ timeout: 30_000 });
  await page.getByLabel('Name of the service').fill('fils');
  await remove.click();
  await expect(page.getByRole('alert')).toContainText('type its name as it is: files');
  await page.getByLabel('Name of the service').fill('files');
  await remove.click();
  await expect(page.getByRole('heading', { name: 'Services' })).toBeVisible();
  await expect(row(page, 'files')).toHaveCount(0);

  await page.getByRole('link', { name: 'Put it back' }).click();
  await expect(page.getByRole('heading', { name: 'Deleted services', level: 1 })).toBeVisible();
  await expect(page.getByRole('main')).toContainText(/by admin · Process · removed for good in [67] days/);
  // Other tests have deleted some before.
  const gone = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'files', exact: true }) });
  await gone.getByText('Remove for good', { exact: true }).first().click();
  await gone.getByLabel('Its logs, figures and settings go now').fill('fils');
  await gone.getByRole('button', { name: 'Remove for good files' }).click();
  await expect(gone.getByRole('alert')).toContainText('type its name as it is: files');
  await gone.getByLabel('Name', { exact: true }).fill('files-2');
  await gone.getByRole('button', { name: 'Put back files' }).click();
  await expect(page.getByRole('heading', { name: 'files-2', level: 1 })).toBeVisible();
  await expect(page.getByRole('main')).toContainText('The service is back as it was.');
});

test('a service that crashes is started again by itself', async ({ page, pilothouse, signIn }) => {
  const { id } = await pilothouse.running('orders');
  await signIn('viewer');
  await open(page, `/services/${id}`);
  await expect(states(page)).toContainText('Healthy');
  const { pids } = await pilothouse.call<{ pids: number[] }>('GET', `/api/services/${id}`);
  process.kill(pids[0] ?? 0, 'SIGKILL');
  await expect(page.getByRole('main')).toContainText('orders crashed: killed by SIGKILL; it is started again in 1 s');
  await expect(states(page)).toContainText('Healthy', { timeout: 60_000 });
  const after = await pilothouse.call<{ pids: number[]; restarts: { in_a_row: number } }>('GET', `/api/services/${id}`);
  expect(after.pids[0]).not.toBe(pids[0]);
  expect(after.restarts.in_a_row).toBe(1);
});
