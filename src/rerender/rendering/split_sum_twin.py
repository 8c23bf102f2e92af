"""Split-sum shading and its look-ups in torch operations, differentiated by autograd: what the kernels are compared with.

The formulas are those of `split_sum.py`. Nothing else uses them: tests for values and slopes, the benchmark for the cost.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, normalize

from rerender.rendering.environment_brdf import table_tensor
from rerender.rendering.filtered_light import ROUGHNESSES, LightLevels
from rerender.rendering.gbuffers import GBuffer
from rerender.rendering.split_sum_kernels import BEND, DIELECTRIC, LEAST_COSINE, POLE


def sampled(maps: Tensor, place: Tensor) -> Tensor:
    """Return maps at places in [-1, 1], linearly between texel centres; outside they hold the border's value."""
    return grid_sample(maps, place, mode="bilinear", padding_mode="border", align_corners=False)


def level_index(roughness: Tensor) -> Tensor:
    """Return where between the levels a roughness lies, 0 to 5 (nvdiffrec's map: linear up to 0.5, then one step)."""
    low, high = ROUGHNESSES[0], ROUGHNESSES[-2]
    last = len(ROUGHNESSES) - 2
    smooth = last * (roughness.clamp(low, high) - low) / (high - low)
    index: Tensor = smooth + (roughness - high).clamp(0.0, 1.0 - high) / (1.0 - high)
    return index


def place(directions: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Return where directions are on a padded map, each (N, 1) in [-1, 1]. Finite slopes at the poles."""
    x, y, z = (directions[..., axis : axis + 1] for axis in range(3))
    ring2 = x**2 + z**2
    pole = ring2 < POLE
    turn = torch.atan2(torch.where(pole, 0.0, x), torch.where(pole, 1.0, -z)) / (2.0 * math.pi)
    polar = torch.atan2(ring2.clamp_min(POLE).sqrt(), y) / math.pi
    across = ((turn - turn.detach().floor()) * width + 1.0) / (width + 2.0)
    return 2.0 * across - 1.0, 2.0 * polar - 1.0


def specular_at(light: LightLevels, directions: Tensor, roughness: Tensor) -> Tensor:
    """Return the radiance (N, 3) of lobes along `directions` (N, 3) of `roughness` (N, 1)."""
    x, y = place(directions, light.specular.shape[2] - 2)
    depth = (level_index(roughness) + 0.5) / len(ROUGHNESSES) * 2.0 - 1.0
    at = torch.cat([x, y, depth], dim=-1)[None, :, None, None]
    return sampled(light.specular.permute(3, 0, 1, 2)[None], at)[0, :, :, 0, 0].T


def diffuse_at(light: LightLevels, normals: Tensor) -> Tensor:
    """Return irradiance over pi (N, 3) at `normals` (N, 3)."""
    at = torch.cat(place(normals, light.diffuse.shape[1] - 2), dim=-1)[None, :, None]
    return sampled(light.diffuse.permute(2, 0, 1)[None], at)[0, :, :, 0].T


def environment_brdf_at(n_dot_v: Tensor, roughness: Tensor) -> Tensor:
    """Return A and B (N, 2) at n.v and roughness, each (N, 1)."""
    at = torch.cat([n_dot_v, roughness], dim=-1) * 2.0 - 1.0
    table = table_tensor(at.dtype, at.device).permute(2, 0, 1)[None]
    return sampled(table, at[None, :, None])[0, :, :, 0].T


def shade(
    gbuffer: GBuffer,
    albedo: Tensor,
    roughness: Tensor,
    metallic: Tensor,
    normals: Tensor,
    light: LightLevels,
    occlusion: None = None,
) -> Tensor:
    """Return what `split_sum.shade` does, without occlusion."""
    toward = gbuffer.toward
    cosine = (normals * toward).sum(dim=-1, keepdim=True)
    reflection = normalize(2.0 * cosine * normals - toward, dim=-1)
    reflected = environment_brdf_at(cosine.clamp_min(LEAST_COSINE), roughness)
    normal_reflectance = DIELECTRIC * (1.0 - metallic) + albedo * metallic
    diffuse = albedo * (1.0 - metallic) * diffuse_at(light, normals)
    share = normal_reflectance * reflected[:, :1] + reflected[:, 1:]
    return diffuse + specular_at(light, reflection, roughness) * share


def world_normals(gbuffer: GBuffer, tangent_normals: Tensor) -> Tensor:
    """Return what `split_sum.world_normals` does."""
    x, y, z = (tangent_normals[:, axis : axis + 1] for axis in range(3))
    bitangent = normalize(torch.linalg.cross(gbuffer.tangents, gbuffer.normals), dim=-1)
    mixed = gbuffer.tangents * x - bitangent * y + gbuffer.normals * z.clamp_min(0.0)
    shading = normalize(mixed, dim=-1)
    side = torch.where((gbuffer.geometric * gbuffer.toward).sum(dim=-1, keepdim=True) < 0.0, -1.0, 1.0)
    shading, geometric = shading * side, gbuffer.geometric * side
    share = ((shading * gbuffer.toward).sum(dim=-1, keepdim=True) / BEND).clamp(0.0, 1.0)
    return normalize(torch.lerp(geometric, shading, share), dim=-1)
