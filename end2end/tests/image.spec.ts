import type { Page } from '@playwright/test';

import { expect, open, test } from '../fixtures.ts';

// The browser notes each refusal on its console.
test.use({ expectedErrors: [/status of (403|422)/] });

const PORTS = 'Further ports, volumes and network';

/** Makes a service of an image with all kinds of options, after two tries that are refused. */
async function make(page: Page, name: string, host: number) {
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Or an image, for Docker').fill('nginx:1.27');
  await page.getByLabel('Port in the container').fill('80');
  await expect(page.getByLabel('Volumes'), 'the simple case stays simple').toBeHidden();
  await page.getByText(PORTS, { exact: true }).click();
  await page.getByLabel('Further ports').fill(`${host}:443\nweb:81`);
  await page.getByLabel('Volumes').fill('site_data:/usr/share/nginx/html:ro');
  await page.getByRole('button', { name: 'Make service' }).click();
  await expect(page.getByRole('alert').first()).toContainText('Line 2 of the further ports');
  const part = page.getByRole('group').filter({ has: page.getByText(PORTS, { exact: true }) });
  await expect(part.getByRole('listitem'), 'it is said at the field too').toContainText('Line 2 of the further ports');
  await expect(page.getByLabel('Volumes')).toHaveValue('site_data:/usr/share/nginx/html:ro');
  await expect(page.getByLabel('Or an image, for Docker')).toHaveValue('nginx:1.27');

  await page.getByLabel('Further ports').fill(`0.0.0.0:${host}:443`);
  await page.getByRole('button', { name: 'Make service' }).click();
  await expect(page.getByRole('alert').first()).toContainText('that takes the role Admin, and you are Developer');

  await page.getByLabel('Further ports').fill(`${host}:443\n53/udp`);
  await page.getByText('What runs in the container', { exact: true }).click();
  await page.getByLabel('Command in the container').fill("nginx -g 'daemon off;'");
  await page.getByText("Docker's own health check", { exact: true }).click();
  await page.getByLabel('Docker asks', { exact: true }).selectOption('A line for its shell');
  await page.getByLabel('Its test').fill('test -f /run/nginx.pid');
  await page.getByRole('button', { name: 'Make service' }).click();
  await expect(page.getByRole('heading', { name, level: 1 })).toBeVisible();
  await expect(page.getByRole('main')).toContainText(`127.0.0.1:${host} to 443/tcp`);
}

/** Changes it, and sees that what was set before is still there, and what was emptied isn't. */
async function change(page: Page) {
  await page.getByRole('navigation', { name: 'Service', exact: true }).getByRole('link', { name: 'Settings' }).click();
  await expect(page.getByLabel('Command in the container')).toHaveValue("nginx -g 'daemon off;'");
  await expect(page.getByLabel('Its test')).toHaveValue('test -f /run/nginx.pid');
  await page.getByLabel('Image', { exact: true }).fill('nginx:1.28');
  await page.getByLabel('Further ports').fill('');
  await page.getByLabel('Network', { exact: true }).fill('a b');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert').first()).toContainText('It is named by 1 to 63 of');
  await expect(page.getByLabel('Image', { exact: true })).toHaveValue('nginx:1.28');
  await page.getByLabel('Network', { exact: true }).fill('shop');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('main')).toContainText('Saved.');
  await page.reload();
  await expect(page.getByLabel('Image', { exact: true })).toHaveValue('nginx:1.28');
  await expect(page.getByLabel('Further ports')).toHaveValue('');
  await expect(page.getByLabel('Network', { exact: true })).toHaveValue('shop');
  await expect(page.getByLabel('Volumes')).toHaveValue('site_data:/usr/share/nginx/html:ro');
  await expect(page.getByLabel('Its test')).toHaveValue('test -f /run/nginx.pid');
}

test('a developer makes a service of an image with options, and changes it', async ({ page, signIn }) => {
  await signIn('developer');
  await open(page, '/services/new');
  await make(page, 'site', 18_443);
  await change(page);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a developer makes a service of an image with options, and changes it', async ({ page, signIn }) => {
    await signIn('developer');
    await page.goto('/services/new');
    await make(page, 'site-plain', 18_444);
    await change(page);
  });
});
