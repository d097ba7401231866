import { useEffect, useState } from 'preact/hooks'
import { nodeInWords } from '../api/in-words.ts'
import { Activity } from './activity.tsx'
import { Cluster } from './cluster.tsx'
import { Images } from './images.tsx'
import { type Live, useLive } from './live.ts'
import { Measure } from './measure.tsx'
import { Overview } from './overview.tsx'

const SECTIONS = ['Overview', 'Cluster', 'Images', 'Activity', 'Measure'] as const
type Section = (typeof SECTIONS)[number]

function sectionOf(hash: string): Section {
  return SECTIONS.find(section => hash === `#${section.toLowerCase()}`) ?? 'Overview'
}

/** The whole page. */
export function App() {
  const live = useLive()
  const [section, setSection] = useState(sectionOf(location.hash))
  useEffect(() => {
    const change = () => setSection(sectionOf(location.hash))
    addEventListener('hashchange', change)
    return () => removeEventListener('hashchange', change)
  }, [])
  useEffect(() => {
    document.title = `${section} – Spegel`
  }, [section])
  return (
    <>
      <a class="skip" href="#content" onClick={skip}>
        Skip to content
      </a>
      <header>
        <h1>Spegel</h1>
        <p class="words" role="status">
          {live.node === undefined ? 'Asking the node…' : nodeInWords(live.node, live.day)}
          {live.node !== undefined && !live.isConnected && <strong> The node does not answer.</strong>}
        </p>
        <nav aria-label="Sections">
          {SECTIONS.map(name => (
            <a href={`#${name.toLowerCase()}`} aria-current={name === section ? 'page' : undefined}>
              {name}
            </a>
          ))}
        </nav>
      </header>
      <main id="content" tabIndex={-1}>
        <h2>{section}</h2>
        <Content section={section} live={live} />
      </main>
      <footer>
        {live.node && (
          <p>
            Spegel {live.node.version}, peer <code>{live.node.peerId}</code>, registry {live.node.registry}
          </p>
        )}
      </footer>
    </>
  )
}

function skip(event: Event): void {
  event.preventDefault()
  document.querySelector<HTMLElement>('#content')?.focus()
}

function Content({ section, live }: { readonly section: Section; readonly live: Live }) {
  switch (section) {
    case 'Overview':
      return <Overview live={live} />
    case 'Cluster':
      return <Cluster live={live} />
    case 'Images':
      return <Images count={live.node?.images ?? 0} />
    case 'Activity':
      return <Activity live={live} />
    case 'Measure':
      return <Measure />
    default:
      return section satisfies never
  }
}
