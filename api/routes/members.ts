import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { idOrNameSchema, listOf, pageQuerySchema } from '../../core/api/common.ts';
import {
  acceptInvitationRequestSchema,
  changeMemberRequestSchema,
  invitationSchema,
  type InvitationView,
  invitedSchema,
  inviteRequestSchema,
  memberSchema,
} from '../../core/api/tenants.ts';
import {
  acceptInvitation,
  createInvitation,
  type Invitation,
  listInvitations,
  removeInvitation,
} from '../../db/invitations.ts';
import { changeMember, listMembers } from '../../db/tenants.ts';
import { meSchema } from '../../core/api/auth.ts';
import { meOf } from '../accounts/signIn.ts';
import { type ApiContext, freshId } from '../context.ts';
import { accountOf, tenantOf } from '../plugins/auth.ts';
import { hashSecret, newSecret } from '../secrets.ts';

const params = z.object({ id: idOrNameSchema });
const memberParams = params.extend({ account: z.string().max(64) });
const tags = ['tenants'];

/** Who belongs to a tenant, and who is invited to. */
export const memberRoutes: FastifyPluginAsyncZod<{ context: ApiContext }> = async (app, { context }) => {
  const { db } = context;

  app.get('/tenants/:id/members', {
    config: { needs: 'viewer', tenantInPath: true },
    schema: {
      tags,
      summary: 'List members',
      params,
      querystring: pageQuerySchema,
      response: { 200: listOf(memberSchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listMembers(db, tenantOf(request).id, request.query);
      return {
        items: items.map(({ account, role, createdAt }) => ({
          ...{ account, role },
          createdAt: createdAt.toISOString(),
        })),
        nextCursor,
      };
    },
  });

  app.patch('/tenants/:id/members/:account', {
    config: { needs: 'owner', tenantInPath: true },
    schema: {
      tags,
      summary: "Change a member's role",
      params: memberParams,
      body: changeMemberRequestSchema,
      response: { 204: z.null() },
    },
    handler: async (request, reply) => {
      const { account } = request.params;
      const actor = accountOf(request).accountId;
      await changeMember(db, tenantOf(request).id, account, request.body.role, actor);
      return reply.code(204).send(null);
    },
  });

  app.delete('/tenants/:id/members/:account', {
    config: { needs: 'owner', tenantInPath: true },
    schema: { tags, summary: 'End a membership', params: memberParams, response: { 204: z.null() } },
    handler: async (request, reply) => {
      const { account } = request.params;
      await changeMember(db, tenantOf(request).id, account, null, accountOf(request).accountId);
      return reply.code(204).send(null);
    },
  });

  app.get('/tenants/:id/invitations', {
    config: { needs: 'owner', tenantInPath: true },
    schema: {
      tags,
      summary: 'List invitations',
      params,
      querystring: pageQuerySchema,
      response: { 200: listOf(invitationSchema) },
    },
    handler: async (request) => {
      const { items, nextCursor } = await listInvitations(db, tenantOf(request).id, request.query);
      return { items: items.map(invitationView), nextCursor };
    },
  });

  app.post('/tenants/:id/invitations', {
    config: { needs: 'owner', tenantInPath: true },
    schema: {
      tags,
      summary: 'Invite somebody; the secret that lets that email join is shown this once',
      params,
      body: inviteRequestSchema,
      response: { 201: invitedSchema },
    },
    handler: async (request, reply) => {
      const { email, role, expiresInDays } = request.body;
      const secret = `dri_${newSecret()}`;
      const row = await createInvitation(db, {
        ...{ id: freshId('invitation'), tenantId: tenantOf(request).id, email, role },
        secretHash: hashSecret(secret),
        createdBy: accountOf(request).accountId,
        lifeSeconds: expiresInDays * 86_400,
      });
      return reply.code(201).send({ ...invitationView(row), secret });
    },
  });

  app.delete('/tenants/:id/invitations/:invitation', {
    config: { needs: 'owner', tenantInPath: true },
    schema: {
      tags,
      summary: 'Take an invitation back',
      params: params.extend({ invitation: z.string().max(64) }),
      response: { 204: z.null() },
    },
    handler: async (request, reply) => {
      await removeInvitation(db, tenantOf(request).id, request.params.invitation);
      return reply.code(204).send(null);
    },
  });

  app.post('/invitations/accept', {
    config: { needs: 'signedIn' },
    schema: {
      tags,
      summary: 'Become a member of the tenant that one was invited to',
      body: acceptInvitationRequestSchema,
      response: { 200: meSchema },
    },
    handler: async (request) => {
      const { accountId, email, role } = accountOf(request);
      const secretHash = hashSecret(request.body.secret);
      await db.transaction((tx) => acceptInvitation(tx, secretHash, { accountId, email }));
      return meOf(context, { id: accountId, email, role });
    },
  });
  return Promise.resolve();
};

function invitationView(row: Invitation): InvitationView {
  const { id, email, role, createdAt, expiresAt, acceptedAt } = row;
  return {
    ...{ id, email, role },
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    acceptedAt: acceptedAt?.toISOString() ?? null,
  };
}
