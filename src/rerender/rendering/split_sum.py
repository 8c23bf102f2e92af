"""Split-sum shading of G-buffers (Karis 2013), the forward model of nvdiffrec (Munkberg et al. 2022): direct light only.

No shadows and no interreflection. F0 = 0.04 (1 - m) + kd m; colour = kd (1 - m) E(n) + L(reflection, r) (F0 A + B), all
of it times (1 - occlusion). Everything is differentiable: materials, normals and a learned light.
"""

from __future__ import annotations

import torch

from rerender.rendering.environment_brdf import look_up, table_tensor
from rerender.rendering.filtered_light import LightLevels
from rerender.rendering.gbuffers import GBuffer

DIELECTRIC = 0.04
LEAST_COSINE = 1e-4
BEND = 0.1
"""Below this cosine to the viewer a shading normal is bent towards the geometric one."""


def shade(
    gbuffer: GBuffer,
    albedo: torch.Tensor,
    roughness: torch.Tensor,
    metallic: torch.Tensor,
    normals: torch.Tensor,
    light: LightLevels,
    occlusion: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return linear radiance (N, 3) of the pixels of a G-buffer.

    `albedo` (N, 3) linear, `roughness` (perceptual: alpha is its square), `metallic` and `occlusion` (N, 1), `normals`
    (N, 3) unit vectors in the world, as `world_normals` makes them.
    """
    toward = gbuffer.toward
    cosine = (normals * toward).sum(dim=-1, keepdim=True)
    reflection = torch.nn.functional.normalize(2.0 * cosine * normals - toward, dim=-1)
    table = table_tensor(albedo.dtype, albedo.device)
    reflected = look_up(table, cosine.clamp_min(LEAST_COSINE), roughness)
    normal_reflectance = DIELECTRIC * (1.0 - metallic) + albedo * metallic
    diffuse = albedo * (1.0 - metallic) * light.diffuse_at(normals)
    glossy = light.specular_at(reflection, roughness) * (
        normal_reflectance * reflected[:, :1] + reflected[:, 1:]
    )
    colour: torch.Tensor = diffuse + glossy
    return colour if occlusion is None else colour * (1.0 - occlusion)


def world_normals(gbuffer: GBuffer, tangent_normals: torch.Tensor) -> torch.Tensor:
    """Turn tangent-space normals (N, 3), not necessarily unit, into shading normals in the world, (N, 3).

    T x - B y + N max(z, 0) with B = T x N; on back faces all of it is turned to the viewer; at grazing angles it bends to the
    geometric normal.
    """
    x, y, z = (tangent_normals[:, axis : axis + 1] for axis in range(3))
    bitangent = torch.nn.functional.normalize(torch.linalg.cross(gbuffer.tangents, gbuffer.normals), dim=-1)
    mixed = gbuffer.tangents * x - bitangent * y + gbuffer.normals * z.clamp_min(0.0)
    shading = torch.nn.functional.normalize(mixed, dim=-1)
    side = torch.where((gbuffer.geometric * gbuffer.toward).sum(dim=-1, keepdim=True) < 0.0, -1.0, 1.0)
    shading, geometric = shading * side, gbuffer.geometric * side
    share = ((shading * gbuffer.toward).sum(dim=-1, keepdim=True) / BEND).clamp(0.0, 1.0)
    return torch.nn.functional.normalize(torch.lerp(geometric, shading, share), dim=-1)


def tangent_normals(gbuffer: GBuffer, normals: torch.Tensor) -> torch.Tensor:
    """Express normals of the world (N, 3) in the frame of `world_normals`, of front faces and without its bend."""
    bitangent = torch.nn.functional.normalize(torch.linalg.cross(gbuffer.tangents, gbuffer.normals), dim=-1)
    axes = (gbuffer.tangents, -bitangent, gbuffer.normals)
    return torch.stack([(axis * normals).sum(dim=-1) for axis in axes], dim=-1)
