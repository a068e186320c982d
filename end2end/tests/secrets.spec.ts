import { type Page } from '@playwright/test';
import { expect, open, row, test } from '../fixtures.ts';
import { PASSWORD, type Pilothouse } from '../pilothouse.ts';

// The browser notes each refusal on its console.
test.use({ expectedErrors: [/status of (409|422)/] });

const VALUE = 'hunter2-and-more';
/** As long as a name may be, and without a place to break it. */
const LONG = 'x'.repeat(128);

/** Sets a secret as the admin. */
async function put(pilothouse: Pilothouse, name: string, body: Record<string, unknown> = { value: VALUE }): Promise<void> {
  await pilothouse.call('PUT', `/api/secrets/${name}`, body);
}

/** Takes secrets away again, whether they are there or not: Pilothouse is shared with other tests. */
async function forget(pilothouse: Pilothouse, ...names: string[]): Promise<void> {
  const { items } = await pilothouse.call<{ items: { name: string }[] }>('GET', '/api/secrets');
  for (const { name } of items.filter(({ name }) => names.includes(name))) await pilothouse.call('DELETE', `/api/secrets/${name}?force=true`);
}

/** The part of a page under a heading of its own. */
function panel(page: Page, name: string) {
  return page.getByRole('region', { name, exact: true });
}

test('a secret is made, given to a service, shown for a password, and deleted only when it is said what that breaks', async ({ page, pilothouse, signIn }) => {
  const source = { command: ['sleep', '1000'], working_dir: '/tmp' };
  const { id } = await pilothouse.call<{ id: string }>('POST', '/api/services', { name: 'keeper', source, health: { kind: 'none' } });
  await signIn('admin');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Secrets' }).click();
  await expect(page.getByRole('heading', { name: 'Secrets', level: 1 })).toBeVisible();
  await page.getByLabel('Name', { exact: true }).fill('shop db');
  await page.getByLabel('Value', { exact: true }).fill(VALUE);
  await page.getByLabel('Description').fill('of the shop');
  await page.getByRole('button', { name: 'Make secret' }).click();
  await expect(page.getByRole('alert').first()).toContainText('The name of a secret has 1 to 128 of the characters');
  await expect(page.getByLabel('Value', { exact: true }), 'what was typed is still there').toHaveValue(VALUE);
  await page.getByLabel('Name', { exact: true }).fill('shop.db');
  await page.getByRole('button', { name: 'Make secret' }).click();
  await expect(page.getByRole('heading', { name: 'shop.db', level: 1 })).toBeVisible();
  await expect(page.getByRole('main')).toContainText('The secret is made.');
  await expect(panel(page, 'Used by')).toContainText('No variable of a service refers to it.');

  await open(page, `/services/${id}/settings`);
  await page.getByLabel('Variables').fill('DATABASE_URL=postgres://shop:${secret:shop.db}@db/shop');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('main').getByRole('status').filter({ hasText: 'Saved' })).toBeVisible();

  await open(page, '/secrets');
  await expect(row(page, 'shop.db')).toContainText('of the shop');
  await expect(row(page, 'shop.db')).toContainText('DATABASE_URL');
  await expect(row(page, 'shop.db').getByRole('link', { name: 'keeper' })).toHaveAttribute('href', `/services/${id}`);
  await page.getByRole('combobox', { name: /^Show/ }).selectOption('Unused');
  await expect(page).toHaveURL(/show=unused/);
  await expect(row(page, 'shop.db')).toHaveCount(0);
  await page.getByRole('link', { name: 'Clear' }).click();
  await page.getByLabel('Search secrets').fill('keeper');
  await expect(page).toHaveURL(/q=keeper/);
  await row(page, 'shop.db').getByRole('link', { name: 'shop.db' }).click();

  await expect(page.getByRole('main')).not.toContainText(VALUE);
  const value = panel(page, 'Value');
  await value.getByLabel('Your password').fill('not my password');
  await value.getByRole('button', { name: 'Show the value' }).click();
  await expect(value.getByRole('listitem')).toContainText(/password/);
  await value.getByLabel('Your password').fill(PASSWORD);
  await value.getByRole('button', { name: 'Show the value' }).click();
  await expect(value.getByText(VALUE, { exact: true })).toBeVisible();
  await expect(value.getByLabel('Your password'), 'it is not left in the field').toHaveValue('');
  expect(page.url()).not.toContain('hunter2');
  await value.getByRole('link', { name: 'Hide' }).click();
  await expect(value.getByText(VALUE, { exact: true })).toHaveCount(0);
  const again = await page.reload();
  expect(again?.headers()['cache-control']).toBe('no-store');
  expect(await again?.text(), 'no later page has it').not.toContain('hunter2');

  const deletion = panel(page, 'Delete');
  await expect(deletion).toContainText("1 service refers to it and can't be started without it.");
  await expect(deletion).toContainText('keeper');
  await deletion.getByLabel('Name of the secret').fill('shop.db');
  await deletion.getByRole('button', { name: 'Delete this secret' }).click();
  await expect(deletion.getByRole('alert')).toContainText('DATABASE_URL of keeper refers to');
  await deletion.getByLabel('Delete it all the same').check();
  await deletion.getByRole('button', { name: 'Delete this secret' }).click();
  await expect(page.getByRole('main')).toContainText('The secret is deleted.');
  await expect(row(page, 'shop.db')).toHaveCount(0);
  await pilothouse.call('DELETE', `/api/services/${id}`);
});

test('of two who change a secret at once, the second learns who was first, and loses nothing', async ({ page, pilothouse, signIn }) => {
  await put(pilothouse, 'twice', { value: VALUE, description: 'of before' });
  await signIn('developer');
  await open(page, '/secrets/twice');
  await put(pilothouse, 'twice', { description: 'of the admin' });
  await page.getByLabel('New value').fill('mine');
  await page.getByLabel('Description').fill('of the developer');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(panel(page, 'Change')).toContainText('admin has changed it meanwhile (version 2');
  await expect(panel(page, 'Change')).toContainText('of the admin');
  await expect(page.getByLabel('New value')).toHaveValue('mine');
  await expect(page.getByLabel('Description')).toHaveValue('of the developer');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('main')).toContainText('The value is set.');
  await expect(page.getByLabel('New value')).toHaveValue('');
  await expect(page.getByRole('main')).toContainText('of the developer');
  await forget(pilothouse, 'twice');
});

test('a text of variables becomes secrets, of which those that are there stay unless that is ticked', async ({ page, pilothouse, signIn }) => {
  await put(pilothouse, 'API_KEY', { value: 'old' });
  await signIn('developer');
  await open(page, '/secrets');
  await page.getByRole('link', { name: 'Import from .env' }).click();
  const text = page.getByLabel('.env text');
  await text.fill(`PORT=8000\nSHOP_PASSWORD="${VALUE}"\nAPI_KEY=new\nnonsense`);
  await page.getByRole('button', { name: 'Show what is in it' }).click();
  await expect(page.getByRole('main')).toContainText('Line 4 is not of the form NAME=value.');
  await page.getByLabel('Or a file').setInputFiles({ name: '.env', mimeType: 'text/plain', buffer: Buffer.from(`PORT=8000\nSHOP_PASSWORD="${VALUE}"\nAPI_KEY=new\n`) });
  await expect(text).toHaveValue(/API_KEY=new\n$/);
  await page.getByRole('button', { name: 'Show what is in it' }).click();
  await expect(page.getByRole('main')).toContainText('2 of 3 look like a secret.');
  await expect(page.getByLabel('Import PORT')).not.toBeChecked();
  await expect(page.getByLabel('Import SHOP_PASSWORD')).toBeChecked();
  await expect(row(page, 'API_KEY')).toContainText('is there already');
  await page.getByLabel('Name for SHOP_PASSWORD').fill('shop.password');
  await page.getByLabel('Put the value of API_KEY over that of API_KEY').check();
  await page.getByRole('button', { name: 'Import what is ticked' }).click();
  await expect(page.getByRole('main')).toContainText('Imported: 1 made, 1 changed.');
  await expect(row(page, 'shop.password')).toContainText('developer');
  const { value } = await pilothouse.call<{ value: string }>('POST', '/api/secrets/API_KEY/reveal', { password: PASSWORD });
  expect(value).toBe('new');
  await forget(pilothouse, 'API_KEY', 'shop.password');
});

test('an admin rotates the keys, and is told what that did', async ({ page, pilothouse, signIn }) => {
  await put(pilothouse, 'rotated');
  await signIn('admin');
  await open(page, '/secrets');
  await page.getByText('Rotate the keys', { exact: true }).click();
  await page.getByRole('button', { name: 'Rotate the keys now' }).click();
  await expect(panel(page, 'Keys')).toContainText(/Rotated: sealed \d+ values? anew with data key \d+, and removed 1 data key\./);
  const { value } = await pilothouse.call<{ value: string }>('POST', '/api/secrets/rotated/reveal', { password: PASSWORD });
  expect(value).toBe(VALUE);
  await forget(pilothouse, 'rotated');
});

test('a viewer finds no secrets, neither in the navigation nor by address', async ({ page, pilothouse, signIn }) => {
  await put(pilothouse, 'hidden.one');
  await signIn('viewer');
  await expect(page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Secrets' })).toHaveCount(0);
  for (const path of ['/secrets', '/secrets/hidden.one', '/secrets/import']) {
    await open(page, path);
    await expect(page.getByRole('heading', { name: 'Not allowed' })).toBeVisible();
    await expect(page.getByRole('textbox')).toHaveCount(0);
  }
  await forget(pilothouse, 'hidden.one');
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('no page of secrets is wider than the screen, and the menu leads there', async ({ page, pilothouse, signIn }) => {
    await put(pilothouse, LONG, { value: 'x'.repeat(500), description: 'x'.repeat(300) });
    await signIn('admin');
    await page.getByRole('navigation', { name: 'Main' }).getByText('More', { exact: true }).tap();
    await page.getByRole('link', { name: 'Secrets' }).tap();
    await expect(page.getByRole('heading', { name: 'Secrets', level: 1 })).toBeVisible();
    for (const path of ['/secrets', `/secrets/${LONG}`, '/secrets/import']) {
      await open(page, path);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      expect.soft(await page.evaluate(() => document.documentElement.scrollWidth), `${path} fits`).toBeLessThanOrEqual(390);
    }
    await page.getByLabel('.env text').fill('AN_API_KEY_WITH_QUITE_A_LONG_NAME_OF_THE_SHOP=x');
    await page.getByRole('button', { name: 'Show what is in it' }).tap();
    await expect(page.getByRole('main')).toContainText('1 of 1 look like a secret.');
    expect(await page.evaluate(() => document.documentElement.scrollWidth), 'the preview fits').toBeLessThanOrEqual(390);
    await open(page, `/secrets/${LONG}`);
    await page.getByLabel('Your password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Show the value' }).tap();
    await expect(page.getByRole('link', { name: 'Hide' })).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.scrollWidth), 'a long value fits').toBeLessThanOrEqual(390);
    await forget(pilothouse, LONG);
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a secret is found, made, changed, shown and deleted', async ({ page, pilothouse, signIn }) => {
    await put(pilothouse, 'other');
    await signIn('developer');
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Secrets' }).click();
    await page.getByLabel('Search secrets').fill('nothing like it');
    await page.getByLabel('Search secrets').press('Enter');
    await expect(page.getByRole('heading', { name: 'No secret matches' })).toBeVisible();
    await page.goto('/secrets');
    await page.getByLabel('Name', { exact: true }).fill('other');
    await page.getByLabel('Value', { exact: true }).fill(VALUE);
    await page.getByLabel('Description').fill('typed');
    await page.getByRole('button', { name: 'Make secret' }).click();
    await expect(page.getByRole('alert').first()).toContainText("There is a secret 'other' already (version 1, by admin)");
    await expect(page.getByLabel('Description')).toHaveValue('typed');
    await expect(page.getByLabel('Value', { exact: true }), 'a value never comes back').toHaveValue('');
    await page.getByLabel('Name', { exact: true }).fill('plain');
    await page.getByLabel('Value', { exact: true }).fill(VALUE);
    await page.getByRole('button', { name: 'Make secret' }).click();
    await expect(page.getByRole('heading', { name: 'plain', level: 1 })).toBeVisible();

    await page.getByLabel('Description').fill('said later');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(page.getByRole('main')).toContainText('its value stays');
    await page.getByLabel('Your password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Show the value' }).click();
    await expect(panel(page, 'Value').getByText(VALUE, { exact: true })).toBeVisible();
    expect(page.url()).toMatch(/\/secrets\/plain$/);
    await page.getByRole('link', { name: 'Hide' }).click();
    await expect(page.getByRole('main')).not.toContainText(VALUE);

    await page.getByLabel('Name of the secret').fill('plain');
    await page.getByRole('button', { name: 'Delete this secret' }).click();
    await expect(page.getByRole('main')).toContainText('The secret is deleted.');
    await expect(row(page, 'plain')).toHaveCount(0);
    await forget(pilothouse, 'other');
  });

  test('a text of variables is looked at, given once more, and imported', async ({ page, pilothouse, signIn }) => {
    await signIn('developer');
    await page.goto('/secrets/import');
    await page.getByLabel('.env text').fill(`PORT=8000\nPLAIN_TOKEN=${VALUE}`);
    await page.getByRole('button', { name: 'Show what is in it' }).click();
    await expect(page.getByRole('main')).toContainText('1 of 2 look like a secret.');
    await expect(page.getByLabel('.env text'), 'a value never comes back').toHaveValue('');
    await page.getByLabel('.env text').fill(`PORT=8000\nPLAIN_TOKEN=${VALUE}`);
    await page.getByLabel('Name for PLAIN_TOKEN').fill('plain.token');
    await page.getByRole('button', { name: 'Import what is ticked' }).click();
    await expect(page.getByRole('main')).toContainText('Imported: 1 made.');
    await expect(row(page, 'plain.token')).toBeVisible();
    await forget(pilothouse, 'plain.token');
  });
});
