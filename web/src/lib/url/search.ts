import { z } from "zod";
import { RANGES } from "./range";

/** Search parameters that several pages share. A bad value falls back instead of failing the page. */
export const rangeParam = (fallback: (typeof RANGES)[number]) =>
  z.enum(RANGES).default(fallback).catch(fallback);

export const textParam = z.string().max(200).optional().catch(undefined);

export const flagParam = z.boolean().optional().catch(undefined);
