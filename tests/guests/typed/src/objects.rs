//! Objects of the host as objects: a small scene.

use externref_guest::externref;

#[externref]
unsafe extern "C" {
    /// A point in space.
    pub type Vector3;

    /// Makes a point.
    #[externref(constructor)]
    pub fn new(x: f64, y: f64, z: f64) -> Vector3;
    /// The origin.
    #[externref(static_method = Vector3)]
    pub fn origin() -> Vector3;
    /// Returns the sum of two points.
    #[externref(method)]
    pub fn add(this: &Vector3, other: &Vector3) -> Vector3;
    /// Adds a number to each coordinate.
    #[externref(method, overload = "f64")]
    #[link_name = "add"]
    pub fn add_scalar(this: &Vector3, scalar: f64) -> Vector3;
    /// Returns the point at distance 1 in the same direction.
    #[externref(method)]
    pub fn normalized(this: &Vector3) -> Result<Vector3, String>;
    /// The first coordinate.
    #[externref(getter)]
    pub fn x(this: &Vector3) -> f64;
    #[externref(setter)]
    pub fn set_x(this: &Vector3, x: f64);

    /// What a scene consists of.
    pub type Object3D;

    #[externref(getter)]
    pub fn name(this: &Object3D) -> String;
    #[externref(setter)]
    pub fn set_name(this: &Object3D, name: &str);
    #[externref(getter)]
    pub fn position(this: &Object3D) -> Vector3;
    #[externref(setter)]
    pub fn set_position(this: &Object3D, position: Vector3);
    #[externref(getter)]
    pub fn parent(this: &Object3D) -> Option<Object3D>;
    #[externref(method)]
    #[link_name = "lookAt"]
    pub fn look_at(this: &Object3D, point: &Vector3);

    /// An object that can be seen.
    #[externref(extends = Object3D)]
    pub type Mesh;

    #[externref(constructor)]
    pub fn named(name: &str) -> Mesh;
    #[externref(method)]
    pub fn vertices(this: &Mesh) -> Vec<f32>;

    /// The root of all objects.
    #[externref(extends = Object3D)]
    pub type Scene;

    #[externref(method)]
    #[link_name = "add"]
    pub fn attach(this: &Scene, object: &Object3D);
    #[externref(method)]
    pub fn find(this: &Scene, name: &str) -> Option<Object3D>;

    /// The scene that is shown.
    #[externref(global)]
    pub fn scene() -> Scene;
    /// The time in seconds.
    #[externref(global)]
    #[link_name = "clock"]
    pub fn time() -> f64;

    /// Writes a line to the host's log.
    safe fn log(line: &str);
}

/// Adds a mesh of this name to the scene, at a place where the first coordinate is the sum of all.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn add_mesh(name: &str, x: f64, y: f64, z: f64) -> Result<u32, String> {
    let mesh = Mesh::named(name);
    let place = Vector3::new(x, y, z).add(&Vector3::origin()).add_scalar(1.0);
    place.set_x(place.normalized()?.x());
    mesh.look_at(&place);
    mesh.set_position(place);
    scene().attach(&mesh);
    log(&format!("{} at {}", mesh.name(), time()));
    Ok(mesh.vertices().len() as u32)
}

/// Renames an object; returns the name of its parent.
#[externref]
#[unsafe(no_mangle)]
pub extern "C" fn rename_object(old: &str, new: &str) -> Option<String> {
    let object = scene().find(old)?;
    object.set_name(new);
    object.parent().map(|parent| parent.name())
}

/// Returns a point twice as far away as another one.
#[externref]
#[unsafe(no_mangle)]
#[resource]
pub extern "C" fn doubled_point(#[resource] point: &Vector3) -> Vector3 {
    point.add(point)
}

/// Returns where an object is, or nothing.
#[externref]
#[unsafe(no_mangle)]
#[resource]
pub extern "C" fn position_of(#[resource] object: Option<Mesh>) -> Option<Vector3> {
    let object = Object3D::from(object?);
    Some(object.position())
}
