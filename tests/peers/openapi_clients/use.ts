// What a program does with types of openapi-typescript; tests/integration/test_generated_clients.py checks it with tsc.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

type Call = components["schemas"]["CallAnswer"];
type Ended = components["schemas"]["event.CallEnded"];

const api = createClient<paths>({ baseUrl: "http://127.0.0.1:8080", headers: { Authorization: "Bearer token" } });

export async function place(to: string): Promise<Call> {
  const { data, error } = await api.POST("/v1/calls", {
    body: { to, variables: { name: "Ms Gray" }, metadata: { order: "A-1017" } },
  });
  if (error) throw new Error(`${error.type}: ${error.detail ?? ""} ${error.errors?.map((each) => each.pointer ?? "")}`);
  const order: string | undefined = data.metadata["order"];
  return order ? data : Promise.reject(new Error("no order"));
}

export async function change(id: string): Promise<void> {
  await api.PATCH("/v1/calls/{id}", { params: { path: { id } }, body: { metadata: { order: null, late: "yes" } } });
  await api.GET("/v1/history", { params: { query: { metadata: ["late=yes"], limit: 10 } } });
  await api.POST("/v1/agents/{name}/text-sessions", {
    params: { path: { name: "reception" } },
    body: { results: { find_order: "none" } },
  });
  await api.POST("/v1/calls/{id}/say", { params: { path: { id } }, body: { text: "One moment." } });
}

export function cost(event: Ended): number {
  return event.type === "call.ended" ? event.data.cost : 0;
}

// @ts-expect-error a number is no text: variables are texts by name, not anything
export const wrong: components["schemas"]["PlaceCall"] = { to: "+49301234567", variables: { age: 7 } };
