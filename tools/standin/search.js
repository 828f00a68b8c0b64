// Search: pagefind finds pages, and this decides which comes first: pages that are about the words before those that
// contain them, and what a reader can follow before what they look up.
const weights = { 'How-to': 4, Tutorial: 3, Start: 2, Explanation: 1.2, API: 1 }

// Words that a question has whatever it is about: a page without them would not be found
const common = new Set(`a an and any are be by can could do does for from get have how i if in into is it its make me my of on or our
  put should so some that the then there this to up use using want way we what when where which who why will with would you your`.split(/\s+/))

function subject(query) {
  const words = query.toLowerCase().split(/[\s?!,]+/).filter(Boolean), chosen = words.filter(word => !common.has(word))
  return chosen.length ? chosen : words
}

const stem = word => word.length > 4 ? word.replace(/(?:ing|ed|es|s|e)$/, '') : word  // "redirects" and "redirecting" are one word

function weight({ page, score, share }, words) {
  const about = `${page.meta.title} ${page.meta.keywords ?? ''}`.toLowerCase().split(/[^\w/#.-]+/).map(stem)
  const named = word => about.some(other => other === word || word.length > 4 && other.startsWith(word))
  const subject = words.filter(word => named(stem(word))).length / words.length
  return Math.sqrt(score) * share ** 2 * (weights[page.meta.kind] ?? 1) * (1 + 9 * subject ** 2)
}

// Pages with any of the words, and which share of the words each has: pagefind alone finds only those with all
async function resultsOf(index, words) {
  const found = new Map()
  for (const { results } of await Promise.all(words.map(word => index.search(word)))) {
    for (const { id, data, score } of results) {
      const before = found.get(id) ?? { id, data, score: 0, share: 0 }
      found.set(id, { ...before, score: before.score + score, share: before.share + 1 / words.length })
    }
  }
  return [...found.values()].sort((a, b) => b.share - a.share || b.score - a.score)
}

export async function find(index, query) {
  const words = subject(query)
  if (!words.length) return []
  const results = await resultsOf(index, words)
  const found = await Promise.all(results.slice(0, 60).map(async result => ({ ...result, page: await result.data() })))
  return found.sort((a, b) => weight(b, words) - weight(a, words)).map(({ page }) => page)
}
