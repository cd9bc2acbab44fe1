//! The part of three.js that the game uses, under the names that it has there.

use externref_guest::externref;

use crate::dom::HTMLElement;

#[externref]
extern "C" {
    pub type Vector3;

    #[externref(method)]
    pub fn set(this: &Vector3, x: f64, y: f64, z: f64);

    pub type Color;

    #[externref(constructor)]
    pub fn new(hex: u32) -> Color;
    #[externref(method)]
    #[link_name = "multiplyScalar"]
    pub fn multiply_scalar(this: &Color, factor: f64);

    /// Whatever has a place in the scene.
    pub type Object3D;

    #[externref(setter)]
    pub fn set_name(this: &Object3D, name: &str);
    #[externref(getter)]
    pub fn position(this: &Object3D) -> Vector3;
    #[externref(getter)]
    pub fn scale(this: &Object3D) -> Vector3;
    #[externref(method)]
    pub fn add(this: &Object3D, child: &Object3D);
    #[externref(method)]
    #[link_name = "lookAt"]
    pub fn look_at(this: &Object3D, x: f64, y: f64, z: f64);
    #[externref(setter)]
    #[link_name = "castShadow"]
    pub fn set_cast_shadow(this: &Object3D, cast: bool);
    #[externref(setter)]
    #[link_name = "receiveShadow"]
    pub fn set_receive_shadow(this: &Object3D, receive: bool);

    #[externref(extends = Object3D)]
    pub type Scene;

    #[externref(constructor)]
    pub fn new() -> Scene;
    #[externref(setter)]
    pub fn set_background(this: &Scene, colour: &Color);

    #[externref(extends = Object3D)]
    pub type PerspectiveCamera;

    #[externref(constructor)]
    pub fn new(angle: f64, aspect: f64, near: f64, far: f64) -> PerspectiveCamera;
    #[externref(setter)]
    pub fn set_aspect(this: &PerspectiveCamera, aspect: f64);
    #[externref(method)]
    #[link_name = "updateProjectionMatrix"]
    pub fn update_projection_matrix(this: &PerspectiveCamera);

    pub type BufferGeometry;

    #[externref(extends = BufferGeometry)]
    pub type BoxGeometry;

    #[externref(constructor)]
    pub fn new(width: f64, height: f64, depth: f64) -> BoxGeometry;

    #[externref(extends = BufferGeometry)]
    pub type SphereGeometry;

    #[externref(constructor)]
    pub fn new(radius: f64, width_segments: u32, height_segments: u32) -> SphereGeometry;

    pub type MeshStandardMaterial;

    #[externref(constructor)]
    pub fn new() -> MeshStandardMaterial;
    #[externref(setter)]
    pub fn set_color(this: &MeshStandardMaterial, colour: &Color);
    #[externref(setter)]
    pub fn set_emissive(this: &MeshStandardMaterial, colour: &Color);
    #[externref(setter)]
    pub fn set_roughness(this: &MeshStandardMaterial, roughness: f64);
    #[externref(setter)]
    pub fn set_transparent(this: &MeshStandardMaterial, transparent: bool);
    #[externref(setter)]
    pub fn set_opacity(this: &MeshStandardMaterial, opacity: f64);

    #[externref(extends = Object3D)]
    pub type Mesh;

    #[externref(constructor)]
    pub fn new(geometry: &BufferGeometry, material: &MeshStandardMaterial) -> Mesh;

    #[externref(extends = Object3D)]
    pub type AmbientLight;

    #[externref(constructor)]
    pub fn new(colour: &Color, intensity: f64) -> AmbientLight;

    #[externref(extends = Object3D)]
    pub type DirectionalLight;

    #[externref(constructor)]
    pub fn new(colour: &Color, intensity: f64) -> DirectionalLight;
    #[externref(getter)]
    pub fn shadow(this: &DirectionalLight) -> LightShadow;

    pub type LightShadow;

    #[externref(getter)]
    pub fn camera(this: &LightShadow) -> OrthographicCamera;

    #[externref(extends = Object3D)]
    pub type OrthographicCamera;

    #[externref(setter)]
    pub fn set_left(this: &OrthographicCamera, left: f64);
    #[externref(setter)]
    pub fn set_right(this: &OrthographicCamera, right: f64);

    #[externref(extends = Object3D)]
    pub type PointLight;

    #[externref(constructor)]
    pub fn new(colour: &Color, intensity: f64, distance: f64) -> PointLight;

    /// A plain object with what a renderer is to be like.
    pub type WebGLRendererParameters;

    #[externref(constructor)]
    pub fn new() -> WebGLRendererParameters;
    #[externref(setter)]
    pub fn set_antialias(this: &WebGLRendererParameters, antialias: bool);

    pub type WebGLRenderer;

    #[externref(constructor)]
    pub fn new(parameters: &WebGLRendererParameters) -> WebGLRenderer;
    #[externref(getter)]
    #[link_name = "domElement"]
    #[resource]
    pub fn dom_element(this: &WebGLRenderer) -> HTMLElement;
    #[externref(getter)]
    #[link_name = "shadowMap"]
    pub fn shadow_map(this: &WebGLRenderer) -> WebGLShadowMap;
    #[externref(method)]
    #[link_name = "setPixelRatio"]
    pub fn set_pixel_ratio(this: &WebGLRenderer, ratio: f64);
    #[externref(method)]
    #[link_name = "setSize"]
    pub fn set_size(this: &WebGLRenderer, width: f64, height: f64);
    #[externref(method)]
    pub fn render(this: &WebGLRenderer, scene: &Scene, camera: &PerspectiveCamera);

    pub type WebGLShadowMap;

    #[externref(setter)]
    pub fn set_enabled(this: &WebGLShadowMap, enabled: bool);
}
