import { expect, open, row, test } from '../fixtures.ts';

// The browser notes each refusal on its console.
test.use({ expectedErrors: [/status of 422/] });

const FILE = `services:
  web:
    image: nginx:1.27
    ports: ["18080:80"]
    privileged: true
    depends_on: [db]
  db:
    image: "postgres:\${TAG}"
    volumes: [data:/var/lib/postgresql/data]
  site:
    build: ./site
volumes:
  data:
`;

test('a developer sees what becomes of a Compose file, has its services made, and is led to their start', async ({ page, signIn }) => {
  await signIn('developer');
  await open(page, '/services/new');
  await page.getByRole('link', { name: 'from a Compose file' }).click();
  await page.getByRole('textbox', { name: 'Compose file' }).fill('services: 7');
  await page.getByRole('button', { name: 'Show the plan' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'services' })).toBeVisible();
  await expect(page.getByRole('button', { name: /^Make/ })).toHaveCount(0);

  await page.getByRole('textbox', { name: 'Compose file' }).fill(FILE);
  await page.getByLabel('Project').fill('shop');
  await page.getByLabel('Variables').fill('TAG=17');
  await page.getByRole('button', { name: 'Show the plan' }).click();
  const item = (name: string) => page.getByRole('listitem').filter({ has: page.getByText(name, { exact: true }) });
  await expect(item('shop-web')).toContainText('will be made');
  await expect(item('shop-web')).toContainText('privileged');
  await expect(item('shop-db')).toContainText('image postgres:17');
  await expect(item('shop-db')).toContainText('volume shop_data at /var/lib/postgresql/data');
  await expect(item('site')).toContainText("can't be made");

  await page.getByLabel('Variables').fill('TAG=16');
  await expect(page.getByRole('button', { name: /^Make/ }), 'a plan is of what was typed then').toHaveCount(0);
  await page.getByRole('button', { name: 'Show the plan' }).click();
  await expect(item('shop-db')).toContainText('image postgres:16');
  await page.getByRole('button', { name: 'Make 2 services' }).click();
  await expect(page.getByRole('heading', { name: 'Start 2 services?' })).toBeVisible();
  await expect(row(page, 'shop-db')).toContainText('step 1 of 2');
  await page.getByRole('link', { name: 'Cancel' }).click();
  await expect(row(page, 'shop-web')).toContainText('compose=shop');
});
