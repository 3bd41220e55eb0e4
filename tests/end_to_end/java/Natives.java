import java.io.File;
import java.lang.reflect.*;
import java.util.*;
import java.util.jar.JarFile;
import org.apache.mesos.MesosNativeLibrary;
import org.apache.mesos.state.AbstractState;

/**
 * Calls every native method that Mesos's classes declare, of objects that nobody has made properly, with
 * nothing as arguments. Prints a line for each: its class, its name, the types of its arguments as they
 * stand in a descriptor, and what came of it.
 */
public class Natives {
    public static void main(String[] arguments) throws Exception {
        MesosNativeLibrary.load();
        File jar = new File(MesosNativeLibrary.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        try (JarFile classes = new JarFile(jar)) {
            for (var entry : Collections.list(classes.entries())) {
                String name = entry.getName();
                if (name.startsWith("org/apache/mesos/") && name.endsWith(".class") && !name.contains("Protos")) {
                    callAll(Class.forName(name.substring(0, name.length() - 6).replace('/', '.')));
                }
            }
        }
    }

    private static void callAll(Class<?> type) throws Exception {
        for (Method method : type.getDeclaredMethods()) {
            if (Modifier.isNative(method.getModifiers())) {
                method.setAccessible(true);
                StringBuilder types = new StringBuilder();
                List<Object> nothing = new ArrayList<>();
                for (Class<?> parameter : method.getParameterTypes()) {
                    types.append(parameter.descriptorString());
                    nothing.add(Array.get(Array.newInstance(parameter, 1), 0));
                }
                System.out.printf("%s\t%s\t%s\t%s%n", type.getName(), method.getName(), types,
                        call(method, neverMade(type), nothing.toArray()));
            }
        }
    }

    private static String call(Method method, Object object, Object[] arguments) throws Exception {
        try {
            method.invoke(object, arguments);
            return "returned";
        } catch (InvocationTargetException thrown) {
            return thrown.getCause().toString().replaceAll("\\s+", " ");
        }
    }

    /** An object whose constructor was not called. */
    private static Object neverMade(Class<?> type) throws Exception {
        if (type == AbstractState.class) {
            return new AbstractState() {};
        }
        Field field = Class.forName("sun.misc.Unsafe").getDeclaredField("theUnsafe");
        field.setAccessible(true);
        Object unsafe = field.get(null);
        return unsafe.getClass().getMethod("allocateInstance", Class.class).invoke(unsafe, type);
    }
}
