// Search: pagefind finds pages, and this decides which comes first: pages that are about the words before those that
// contain them, and what a reader can follow before what they look up.
const weights = { 'How-to': 4, Tutorial: 3, Start: 2, Explanation: 1.2, API: 1 }

function weight({ page, score }, words) {
  const subject = `${page.meta.title} ${page.meta.keywords ?? ''}`.toLowerCase()
  return score * (weights[page.meta.kind] ?? 1) * (words.every(word => subject.includes(word)) ? 10 : 1)
}

export async function pages(results, query) {
  const words = query.toLowerCase().split(/\s+/).filter(word => word.length > 1)
  const found = await Promise.all(results.slice(0, 30).map(async result => ({ page: await result.data(), score: result.score })))
  return found.sort((a, b) => weight(b, words) - weight(a, words)).map(({ page }) => page)
}
