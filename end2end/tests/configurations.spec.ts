import { type Page } from '@playwright/test';
import { alive, expect, open, test } from '../fixtures.ts';
import type { Pilothouse } from '../pilothouse.ts';

// The browser notes each refusal on its console.
test.use({ expectedErrors: [/status of (409|422)/] });

/** Two services that run, the second of which needs the first; they go away again. */
async function withTwo(pilothouse: Pilothouse, use: (first: string, second: string) => Promise<void>): Promise<void> {
  const source = { command: ['sleep', '1000'], working_dir: '/tmp' };
  const make = async (name: string, more: Record<string, unknown>) => {
    const { id } = await pilothouse.call<{ id: string }>('POST', '/api/services', { name, source, health: { kind: 'none' }, ...more });
    await pilothouse.call('POST', `/api/services/${id}/start`);
    await expect.poll(async () => (await pilothouse.service(name)).status, { timeout: 60_000 }).toBe('running');
    return id;
  };
  const first = await make('many-first', { environment: { LEVEL: 'info' } });
  const second = await make('many-second', { depends_on: [first] });
  await use(first, second);
  for (const name of ['many-second', 'many-first']) {
    const { id } = await pilothouse.stopped(name);
    await pilothouse.call('DELETE', `/api/services/${id}`);
  }
}

/** The row of a service; the box that chooses it stands before its name. */
const row = (page: Page, name: string) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });

const main = (page: Page) => page.getByRole('main');

const values = async (pilothouse: Pilothouse, id: string) =>
  (await pilothouse.call<{ values: Record<string, unknown> }>('GET', `/api/config/services/${id}`)).values;

/** Chooses both, and asks for what is done with those that are chosen. */
async function choose(page: Page, deed: string): Promise<void> {
  for (const name of ['many-first', 'many-second']) await page.getByLabel(`Choose ${name}`).check();
  await page.getByRole('form', { name: 'With those chosen' }).getByRole('button', { name: deed }).click();
}

test('one value is changed for services that are chosen, and applied in the order of their dependencies', async ({ page, pilothouse, signIn }) => {
  test.setTimeout(180_000);
  await withTwo(pilothouse, async (first, second) => {
    await signIn('developer');
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Configuration' }).click();
    await expect(page.getByRole('heading', { name: 'Configuration', level: 1 })).toBeVisible();
    await page.getByLabel('Search services').fill('many-');
    await expect(page).toHaveURL(/q=many-/);
    await expect(row(page, 'many-first')).toContainText('not checked');
    await expect(page.getByRole('row')).toHaveCount(3);
    await choose(page, 'Change a value');
    await alive(page);
    await expect(main(page)).toContainText('2 services: many-first, many-second.');

    await page.getByLabel('Name', { exact: true }).fill('not a name');
    await page.getByLabel('Value', { exact: true }).fill('x');
    await page.getByRole('button', { name: 'Show what changes' }).click();
    await expect(main(page)).toContainText('2 services refuse it, so nothing can be saved.');
    await expect(page.getByRole('button', { name: 'Save it for 2 services' })).toHaveCount(0);
    await page.getByLabel('Name', { exact: true }).fill('LEVEL');
    await page.getByLabel('Value', { exact: true }).fill('debug');
    await page.getByLabel('Why it is changed').fill('to see more');
    await page.getByRole('button', { name: 'Show what changes' }).click();
    await expect(main(page)).toContainText('It changes 2 services');
    await expect(page.getByRole('region', { name: 'Table of changes' })).toContainText('info');
    expect(await values(pilothouse, first), 'nothing is saved yet').toEqual({ LEVEL: 'info' });
    await page.getByRole('button', { name: 'Save it for 2 services' }).click();
    await expect(main(page)).toContainText('A new version is saved for 2 services.');
    expect([await values(pilothouse, first), await values(pilothouse, second)]).toEqual([{ LEVEL: 'debug' }, { LEVEL: 'debug' }]);
    await expect(row(page, 'many-first')).toContainText('saved, not applied: runs with 1');
    await expect(row(page, 'many-first')).toContainText('by developer');

    await page.getByRole('combobox', { name: /^Show/ }).selectOption('Not applied');
    await expect(page).toHaveURL(/show=not_applied/);
    await choose(page, 'Apply');
    await alive(page);
    await expect(row(page, 'many-first')).toContainText('will be restarted, step 1 of 2');
    await expect(row(page, 'many-second')).toContainText('will be restarted, step 2 of 2');
    await page.getByRole('button', { name: 'Restart 2 services' }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('2 services restarted', { timeout: 60_000 });
    await open(page, '/configuration?q=many-&check=true');
    await expect(row(page, 'many-second')).toContainText('yes');
    await expect(row(page, 'many-second')).toContainText('none');
    await open(page, '/configuration/apply');
    await expect(page.getByRole('heading', { name: 'Nothing is left to apply' })).toBeVisible();
  });
});

test('all configurations go out as one file and come in again', async ({ page, pilothouse, signIn }) => {
  test.setTimeout(180_000);
  await withTwo(pilothouse, async (first, second) => {
    await signIn('developer');
    await open(page, '/configuration');
    await page.getByText('Export all…').click();
    const coming = page.waitForEvent('download');
    await page.getByRole('link', { name: 'YAML' }).click();
    expect((await coming).suggestedFilename()).toBe('configurations.yaml');
    await page.getByRole('link', { name: 'Import all…' }).click();
    const yaml = 'services:\n  many-first:\n    LEVEL: warn\n  many-second:\n    NEW: 1\n';
    await page.getByLabel('File').setInputFiles({ name: 'all.yaml', mimeType: 'text/plain', buffer: Buffer.from(yaml.replace('many-second', 'nobody')) });
    await expect(page.getByLabel('Text', { exact: true })).toHaveValue(/LEVEL: warn/);
    await expect(page.getByLabel('Format')).toHaveValue('yaml');
    await page.getByRole('button', { name: 'Show what changes' }).click();
    await expect(main(page)).toContainText('There is no service of this name');
    await page.getByLabel('Text', { exact: true }).fill(yaml);
    await page.getByRole('button', { name: 'Show what changes' }).click();
    await expect(main(page)).toContainText('It changes 2 services');
    await page.getByRole('button', { name: 'Import', exact: true }).click();
    await expect(main(page)).toContainText('A new version is saved for 2 services.');
    expect([await values(pilothouse, first), await values(pilothouse, second)]).toEqual([{ LEVEL: 'warn' }, { NEW: 1 }]);
  });
});

test('a viewer sees configurations and changes none', async ({ page, pilothouse, signIn }) => {
  await pilothouse.service('orders');
  await signIn('viewer');
  await open(page, '/configuration');
  await expect(row(page, 'orders')).toBeVisible();
  await expect(page.getByRole('checkbox')).toHaveCount(0);
  await page.getByRole('link', { name: 'Validate all' }).click();
  await expect(page).toHaveURL(/check=true/);
  await expect(row(page, 'orders')).not.toContainText('not checked');
  for (const part of ['change', 'apply', 'import']) {
    await open(page, `/configuration/${part}`);
    await expect(page.getByRole('heading', { name: 'Not allowed' })).toBeVisible();
  }
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('no page of configurations is wider than the screen, and the menu leads there', async ({ page, pilothouse, signIn }) => {
    await pilothouse.service('orders');
    await signIn('admin');
    await page.getByRole('navigation', { name: 'Main' }).getByText('More', { exact: true }).tap();
    await page.getByRole('link', { name: 'Configuration', exact: true }).tap();
    await expect(page.getByRole('heading', { name: 'Configuration', level: 1 })).toBeVisible();
    for (const path of ['/configuration?check=true', '/configuration/change', '/configuration/apply', '/configuration/import']) {
      await open(page, path);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      expect.soft(await page.evaluate(() => document.documentElement.scrollWidth), `${path} fits`).toBeLessThanOrEqual(390);
    }
    await open(page, '/configuration/change?q=orders');
    await page.getByLabel('Name', { exact: true }).fill(`A_${'X'.repeat(100)}`);
    await page.getByLabel('Value', { exact: true }).fill('x'.repeat(300));
    await page.getByRole('button', { name: 'Show what changes' }).tap();
    await expect(main(page)).toContainText('It changes 1 service');
    expect(await page.evaluate(() => document.documentElement.scrollWidth), 'the preview fits').toBeLessThanOrEqual(390);
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a value is found, changed for many and applied', async ({ page, pilothouse, signIn }) => {
    test.setTimeout(180_000);
    await withTwo(pilothouse, async (first) => {
      await signIn('developer');
      await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Configuration' }).click();
      await page.getByLabel('Search services').fill('many-');
      await page.getByLabel('Search services').press('Enter');
      await expect(page.getByRole('row')).toHaveCount(3);
      await choose(page, 'Change a value');
      await page.getByLabel('Name', { exact: true }).fill('LEVEL');
      await page.getByLabel('Value', { exact: true }).fill('debug');
      await page.getByLabel('Restart those that run then').check();
      await page.getByRole('button', { name: 'Show what changes' }).click();
      await expect(main(page)).toContainText('Restarted after that: many-first (step 1), many-second (step 2).');
      await page.getByRole('button', { name: 'Save it for 2 services' }).click();
      await expect(page).toHaveURL(/\/services\/bulk\?action=restart/);
      expect(await values(pilothouse, first)).toEqual({ LEVEL: 'debug' });

      await page.goto('/configuration/change?q=many-first');
      await page.getByLabel('Name', { exact: true }).fill('API_KEY');
      await page.getByLabel('Value', { exact: true }).fill('hunter2-and-more');
      await page.getByRole('button', { name: 'Show what changes' }).click();
      await expect(main(page)).toContainText('put it in once more');
      await expect(page.getByLabel('Value', { exact: true }), 'a secret never comes back').toHaveValue('');
      expect(await page.content()).not.toContain('hunter2');
    });
  });
});
