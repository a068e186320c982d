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
  const navigation = page.getByRole('navigation', { name: 'Main' });
  for (const width of [320, 390]) {
    await page.setViewportSize({ width, height: 844 });
    for (const name of ['Overview', 'Services', 'Dependencies', 'Activity', 'Health', 'More']) {
      await expect(navigation.getByText(name, { exact: true }), `${name} at ${width}`).toBeInViewport({ ratio: 1 });
    }
  }
  // The pages that have no place of their own there.
  const more = navigation.getByText('More', { exact: true });
  await more.tap();
  await navigation.getByRole('link', { name: 'Deployments' }).tap();
  await expect(page.getByRole('heading', { name: 'Deployments', level: 1 })).toBeVisible();
  await expect(navigation.getByRole('link', { name: 'Deployments' }), 'the menu is closed on the next page').toBeHidden();
  await more.tap();
  await expect(navigation.getByRole('link', { name: 'Templates' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(navigation.getByRole('link', { name: 'Templates' })).toBeHidden();
  await navigation.getByRole('link', { name: 'Services' }).tap();
  await expect(page.getByRole('heading', { name: 'Services', level: 1 })).toBeVisible();
  await page.getByRole('link', { name: 'orders', exact: true }).tap();
  await expect(page.getByRole('button', { name: 'Stop orders', exact: true })).toBeInViewport();
});
