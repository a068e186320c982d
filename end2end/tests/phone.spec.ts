import { expect, open, test } from '../fixtures.ts';

test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

test('on a phone nothing is wider than the screen, and a service can be watched', async ({ page, pilothouse, signIn }) => {
  const { id } = await pilothouse.running('orders');
  await pilothouse.deleted('gone-from-a-phone-with-quite-a-long-name');
  await signIn('admin');
  for (const path of ['/', '/services', `/services/${id}`, `/services/${id}/metrics`, `/services/${id}/logs`, `/services/${id}/settings`, `/services/${id}/dependencies`, `/services/${id}/configuration`, '/services/new', '/services/bulk?action=restart', '/services/deleted', '/dependencies', '/secrets', '/secrets/import', '/configuration?check=true', '/configuration/change', '/configuration/apply', '/configuration/import', '/configuration/backup', '/activity']) {
    await open(page, path);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect.soft(width, `${path} fits`).toBeLessThanOrEqual(390);
  }
  await open(page, '/');
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Services' }).tap();
  await expect(page.getByRole('heading', { name: 'Services', level: 1 })).toBeVisible();
  await page.getByRole('link', { name: 'orders', exact: true }).tap();
  await expect(page.getByRole('button', { name: 'Stop orders', exact: true })).toBeInViewport();
});
