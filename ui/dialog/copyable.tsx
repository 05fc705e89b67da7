/** A text with a button that copies it: a command, an address. */
import { useRef, useState } from 'preact/hooks';

export function Copyable({ label, text }: { label: string; text: string }) {
  const code = useRef<HTMLElement>(null);
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    getSelection()?.selectAllChildren(code.current!);
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Browsers provide the clipboard to pages without TLS only on loopback; otherwise the selected text is copied
      // with this.
      document.execCommand('copy');
    }
    setCopied(true);
  };
  return (
    <div class="copyable">
      <span class="muted">{label}</span>
      <code ref={code}>{text}</code>
      <button type="button" onClick={copy} aria-label={`Copy: ${label}`}>
        {copied ? 'Copied' : 'Copy'}
      </button>
    </div>
  );
}
