/** Builds the page for nodes that are run from the sources; what ships has it inside. */
import { writePage } from './page.ts'

await writePage()
