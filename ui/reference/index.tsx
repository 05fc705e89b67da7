/** The API reference, from the OpenAPI document of the server. */
import { useEffect, useState } from 'preact/hooks';
import './reference.css';
import { Failure } from '../failure.tsx';
import { problemOf } from '../feed/poller.ts';
import { FilterField } from '../filter/filter-field.tsx';
import { count } from '../format.ts';
import type { PageClient } from '../session/page-client.ts';
import { matching, type OpenApi, type Operation, operationsOf } from './operations.ts';

export function ReferenceView({ client }: { client: PageClient }) {
  const [operations, setOperations] = useState<readonly Operation[]>();
  const [error, setError] = useState<string>();
  const [filter, setFilter] = useState('');
  const address = `${client.origin}/api/v1/openapi.json`;
  useEffect(() => {
    const leaving = new AbortController();
    fetch(address, { signal: leaving.signal, credentials: 'omit' })
      .then((response) => response.json())
      .then((document: OpenApi) => setOperations(operationsOf(document)))
      .catch((failure: unknown) => {
        if (!leaving.signal.aborted) setError(problemOf(failure).message);
      });
    return () => leaving.abort();
  }, [address]);
  const shown = matching(operations ?? [], filter);
  return (
    <div class="reference">
      <div class="toolbar">
        <h1>
          API <span class="muted">{operations === undefined ? '' : count(shown.length)}</span>
        </h1>
        <FilterField label="Filter the API by words of method, path or meaning" value={filter} onChange={setFilter} />
        <a class="button" href={address} download="streamfs-openapi.json">
          OpenAPI document
        </a>
      </div>
      <Failure error={error} />
      {shown.map((operation) => (
        <Described key={`${operation.method} ${operation.path}`} operation={operation} />
      ))}
    </div>
  );
}

/** Parameters and responses are rendered only when the operation is unfolded. */
function Described({ operation: { method, path, summary, description, fields, responses } }: { operation: Operation }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <span class={`method ${method}`}>{method}</span> <code>{path}</code> <span class="muted">{summary}</span>
      </summary>
      {isOpen ? (
        <div class="operation">
          <p class="muted">{description}</p>
          {fields.length === 0 ? null : (
            <dl aria-label="What it takes">
              {fields.map((field) => (
                <div key={`${field.place} ${field.name}`}>
                  <dt>
                    <code>{field.name}</code>{' '}
                    <span class="muted">
                      {field.place}
                      {field.isRequired ? ', required' : ''}
                    </span>
                  </dt>
                  <dd>
                    {field.description}{' '}
                    <span class="muted">
                      {field.type}
                      {field.standard === '' ? '' : `; default ${field.standard}`}
                    </span>
                  </dd>
                </div>
              ))}
            </dl>
          )}
          <dl aria-label="Responses">
            {responses.map((response) => (
              <div key={response.status}>
                <dt>
                  <code>{response.status}</code>
                </dt>
                <dd>{response.description}</dd>
              </div>
            ))}
          </dl>
        </div>
      ) : null}
    </details>
  );
}
