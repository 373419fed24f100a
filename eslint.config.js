import js from '@eslint/js';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import svelte from 'eslint-plugin-svelte';
import tseslint from 'typescript-eslint';
import svelteConfig from './web/svelte.config.js';

/** Who may import whom (docs/architecture.md): a folder and those of our folders that it may import besides itself. */
const MAY_IMPORT = {
  core: [],
  device: ['core'],
  db: ['core'],
  workflows: ['core'],
  activities: ['core', 'device', 'db'],
  api: ['core', 'db'],
  client: ['core'],
  lab: ['core', 'device'],
  cli: ['core', 'client', 'lab'],
  bench: ['core', 'device', 'lab'],
  web: ['client', 'core'],
};
/** Single files that stand open: messages and types, no behaviour. */
const EXCEPT = {
  'api -> workflows': ['./contract.ts'],
  // Types only; the rule for that is below.
  'workflows -> activities': ['.'],
};
const FOLDERS = [...Object.keys(MAY_IMPORT), 'workers', 'test', 'scripts'];

const zones = Object.entries(MAY_IMPORT).flatMap(([folder, allowed]) =>
  FOLDERS.filter((other) => other !== folder && !allowed.includes(other)).map((other) => ({
    // A test may reach further than what it tests.
    target: `./${folder}/**/!(*.test).{ts,svelte}`,
    from: `./${other}`,
    except: EXCEPT[`${folder} -> ${other}`] ?? [],
    message: `${folder}/ may import ${allowed.length > 0 ? `only ${allowed.join(', ')}` : 'nothing of ours'}.`,
  })),
);

/** I/O has no place in these folders. */
const PURE = ['core', 'workflows'];
const NODE_IO = [
  'fs',
  'net',
  'http',
  'https',
  'tls',
  'dgram',
  'dns',
  'child_process',
  'worker_threads',
  'os',
  'process',
];

const UNSAFE = ['argument', 'assignment', 'call', 'member-access', 'return'];

export default tseslint.config(
  {
    ignores: [
      'node_modules/',
      '**/dist/',
      'coverage/',
      'docs/',
      'bench/results/',
      'db/migrations/',
      'client/paths.ts',
    ],
  },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: {
          allowDefaultProject: ['*.js', 'scripts/*.mjs', 'web/*.js', 'web/public/assets/*.js'],
        },
        extraFileExtensions: ['.svelte'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.js'] })] },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: true },
      ],
      // Interfaces promise: an implementation without an await is no mistake.
      '@typescript-eslint/require-await': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { zones }],
    },
  },
  {
    files: PURE.map((folder) => `${folder}/**/*.ts`),
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(node:)?(${NODE_IO.join('|')})(/|$)`,
              message: 'No I/O here: take what it gives as a parameter.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['workflows/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['**/activities/*', '**/activities/**'],
              allowTypeImports: true,
              message: 'Only types of activities.',
            },
          ],
        },
      ],
    },
  },
  ...svelte.configs.recommended,
  {
    files: ['web/**/*.svelte', 'web/**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: tseslint.parser, svelteConfig } },
    rules: {
      // The compiler and svelte-check know the names and types; types of components are any here.
      'no-undef': 'off',
      ...Object.fromEntries(UNSAFE.map((rule) => [`@typescript-eslint/no-unsafe-${rule}`, 'off'])),
      // What nothing is drawn from needs no signals.
      'svelte/prefer-svelte-reactivity': 'off',
      'svelte/no-at-html-tags': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: "SvelteAttribute[key.name='style']",
          message: 'The policy lets no style attribute in: use a class, or style:name={value}.',
        },
      ],
      // Of SvelteKit.
      'svelte/no-navigation-without-resolve': 'off',
    },
  },
  {
    files: ['web/**/*.ts', 'web/**/*.svelte'],
    settings: { 'import-x/ignore': ['node_modules'] },
    rules: {
      // Pages are loaded when they are needed, and know the routes that lead to them.
      'import-x/no-cycle': ['error', { allowUnsafeDynamicCyclicDependency: true, ignoreExternal: true }],
      'no-restricted-imports': [
        'error',
        { patterns: [{ regex: '^node:', message: 'This runs in a browser.' }] },
      ],
    },
  },
  { files: ['scripts/**', 'lab/demo/**', 'bench/**'], rules: { 'no-console': 'off' } },
  { files: ['**/*.test.ts'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
  {
    files: ['**/*.mjs', '**/*.js'],
    ...tseslint.configs.disableTypeChecked,
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', document: 'readonly', localStorage: 'readonly' },
    },
  },
);
