import { describe, expect, it } from 'vitest';
import { matching, type OpenApi, operationsOf } from './operations.ts';

const DOCUMENT: OpenApi = {
  paths: {
    '/files': {
      get: {
        summary: 'Reads.',
        parameters: [
          { name: 'path', in: 'query', required: true, schema: { type: 'string' } },
          { name: 'from', in: 'query', schema: { type: 'string', enum: ['earliest', 'live'], default: 'live' } },
        ],
        responses: { 200: { description: 'Bytes.' }, 404: { $ref: '#/components/responses/Gone' } },
      },
      delete: { summary: 'Removes.' },
    },
    '/links': {
      post: {
        requestBody: {
          content: {
            'application/json': {
              schema: {
                required: ['path'],
                properties: { path: { type: 'string' }, n: { type: ['integer', 'string'] } },
              },
            },
          },
        },
      },
    },
  },
  components: { responses: { Gone: { description: 'There is none.' } } },
};

describe('the reference', () => {
  it('has every operation with its parameters, fields of its body, and responses, also those that are defined elsewhere', () => {
    const [read, remove, link] = operationsOf(DOCUMENT);
    expect(read).toMatchObject({ method: 'GET', path: '/files', summary: 'Reads.' });
    expect(read?.fields).toMatchObject([
      { name: 'path', place: 'query', isRequired: true, type: 'string', standard: '' },
      { name: 'from', isRequired: false, type: 'earliest, live', standard: 'live' },
    ]);
    expect(read?.responses).toEqual([
      { status: '200', description: 'Bytes.' },
      { status: '404', description: 'There is none.' },
    ]);
    expect(remove).toMatchObject({ method: 'DELETE', fields: [], responses: [] });
    expect(link?.fields).toMatchObject([
      { name: 'path', place: 'body', isRequired: true },
      { name: 'n', place: 'body', isRequired: false, type: 'integer or string' },
    ]);
  });

  it('is filtered by words of method, path and summary', () => {
    const operations = operationsOf(DOCUMENT);
    expect(matching(operations, 'get files').map(({ method }) => method)).toEqual(['GET']);
    expect(matching(operations, 'removes')).toHaveLength(1);
    expect(matching(operations, '')).toHaveLength(3);
  });
});
